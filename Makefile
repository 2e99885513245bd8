# Everything runs in .venv, made here on first use. `make PYTHON=python3.12` picks the interpreter.
PYTHON ?= python3
BIN := .venv/bin
# One test process a core; the tests of one file stay together, files in the order of tests/conftest.py.
SPREAD := -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder
# Where `make demo` writes; empty for the command's own default.
OUT ?=

.DEFAULT_GOAL := help
.PHONY: help install demo demo-real app test test-readme test-gpu test-tl3 test-trust test-consumers lint check

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-16s%s\n", $$1, $$2}'

install: .venv/installed ## make the virtual environment

demo: .venv/installed ## the whole chain on the bundled model and data (OUT=DIR)
	$(BIN)/workbench demo $(if $(OUT),--out "$(OUT)")

demo-real: .venv/installed ## the same on SmolLM2-135M, a quarter to half an hour on two cores (OUT=DIR)
	$(BIN)/workbench models get smollm2-135m
	$(BIN)/workbench demo --chain smollm2-135m --out "$(or $(OUT),demo-real)"

app: .venv/installed ## the workbench in the browser
	$(BIN)/workbench app

test: .venv/installed ## the tests, also the slow ones
	$(BIN)/python -m pytest $(SPREAD) -m "not consumers and not thorough"

test-tl3: .venv-tl3/installed ## model-facing tests on TransformerLens 3.9 (HookedTransformer)
	.venv-tl3/bin/python -m pytest $(SPREAD) -m "not slow" tests/models tests/ablation \
		tests/engines tests/scoring/test_circuitseer.py

test-readme: .venv/installed ## every command of the README in turn, a quarter of an hour
	$(BIN)/python -m pytest -m thorough tests/test_readme.py

test-gpu: .venv/installed ## the tests that need a graphics card
	$(BIN)/python -m pytest -m gpu -rs tests/gpu

test-trust: .venv/installed ## what docs/trust.md promises: a table of tried, held, failed
	$(BIN)/python -m tests.trust

test-consumers: .venv-consumers/installed ## exports as TRL, LLaMA-Factory and axolotl read them; lm-evaluation-harness
	$(BIN)/python -m pytest -m consumers tests/consumers

lint: .venv/installed ## formatting, lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

check: lint ## lint and the fast tests
	$(BIN)/python -m pytest $(SPREAD) -m "not slow and not consumers and not thorough"

.venv/installed: pyproject.toml constraints.txt
	"$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[dev,eval,gguf,quant,ray,train]"
	touch .venv/installed

# Sees all of .venv and puts TransformerLens 3.9 before it.
.venv-tl3/installed: .venv/installed constraints-tl3.txt
	$(BIN)/python -m venv --clear .venv-tl3
	.venv-tl3/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" > .venv-tl3/own
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" \
		> "$$(cat .venv-tl3/own)/workbench.pth"
	.venv-tl3/bin/python -m pip install --disable-pip-version-check -c constraints-tl3.txt \
		transformer-lens
	touch .venv-tl3/installed

# Other projects' readers, each over .venv (torch and the like) with its own versions of what differs.
.venv-consumers/installed: .venv/installed $(wildcard tests/consumers/*.txt)
	for name in llamafactory axolotl; do \
		$(BIN)/python -m venv --clear .venv-consumers/$$name || exit 1; \
		own=$$(.venv-consumers/$$name/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))"); \
		$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" > $$own/workbench.pth; \
		.venv-consumers/$$name/bin/python -m pip install --disable-pip-version-check --no-deps \
			--ignore-installed -r tests/consumers/$$name.txt || exit 1; \
	done
	# LLaMA-Factory imports torchaudio, which it needs for sounds only.
	echo > $$(.venv-consumers/llamafactory/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/torchaudio.py
	touch .venv-consumers/installed
