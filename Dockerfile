# The workbench in a container. Written by hand and not built where it was written.
#
#   docker build -t circuit-workbench .
#   docker build -t circuit-workbench --build-arg TORCH=cu128 .      # for NVIDIA cards
#   docker run --rm --network host -v "$PWD/runs:/work/runs" circuit-workbench
#
# The app listens on the loopback address alone, so the container shares the network of the host
# (Linux); add `--gpus all` for the cards. Any other command: docker run ... circuit-workbench doctor
FROM python:3.11-slim

ARG TORCH=cpu
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir torch --index-url https://download.pytorch.org/whl/${TORCH} \
    && pip install --no-cache-dir ".[eval,train]"

RUN useradd --create-home worker && mkdir -p /work/runs && chown -R worker /work
USER worker
WORKDIR /work
ENTRYPOINT ["workbench"]
CMD ["app", "--headless"]
