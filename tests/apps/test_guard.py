"""Pages of other sites are refused: by their origin, and by any other name of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from apps.server import Guard, is_own

OWN = "127.0.0.1:8501"
FOREIGN = (
    {"host": "evil.example:8501"},
    {"host": "127.0.0.1.evil.example:8501"},
    {"host": "127.0.0.1@evil.example"},
    {"host": "[::1"},
    {"host": ""},
    {"host": "192.168.0.2:8501"},
    {},
    {"host": "evil.example:8501", "origin": "http://evil.example:8501"},
    {"host": OWN, "origin": "http://evil.example"},
    {"host": OWN, "origin": "http://127.0.0.1.evil.example:8501"},
    {"host": OWN, "origin": "http://localhost:3000"},
    {"host": OWN, "origin": "null"},
    {"host": OWN, "origin": "file://"},
)
ALLOWED = (
    {"host": OWN},
    {"host": OWN, "origin": f"http://{OWN}"},
    {"host": "LOCALHOST:8501", "origin": "http://localhost:8501"},
)


def pairs(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_foreign_request_is_none_of_our_own(headers):
    assert not is_own(pairs(headers))


@pytest.mark.parametrize("headers", ALLOWED)
def test_a_request_of_the_page_itself_is(headers):
    assert is_own(pairs(headers))


@pytest.mark.parametrize("name", ["host", "origin"])
def test_two_of_one_header_are_refused(name):
    both = [(name.encode(), b"127.0.0.1:8501"), (name.encode(), b"evil.example")]
    assert not is_own([*pairs({"host": OWN}), *both])


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_what_is_foreign_does_not_reach_the_app(kind):
    sent, reached = [], []

    async def app(scope, _receive, _send):
        reached.append(scope["headers"])

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    for headers in (*FOREIGN, *ALLOWED):
        scope = {"type": kind, "headers": pairs(headers)}
        asyncio.run(Guard(app)(scope, receive, send))
    assert reached == [pairs(headers) for headers in ALLOWED]
    starts = [message for message in sent if message["type"] != "http.response.body"]
    assert {(m.get("status"), m.get("code")) for m in starts} <= {(403, None), (None, 1008)}
    assert len(starts) == len(FOREIGN)


def answer(port: int, headers: dict[str, str], path: str = "/") -> int:
    """The status that the server gives to a request, byte for byte as it is written here."""
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return int(connection.recv(200).split()[1])


UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "streamlit",
}


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = "from workbench.cli.main import main; main()"
    command = [sys.executable, "-c", code, "app", "--headless", "--port", str(port)]
    runs = tmp_path_factory.mktemp("runs")
    app = subprocess.Popen([*command, "--runs", str(runs)], start_new_session=True)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                answer(port, {"Host": f"127.0.0.1:{port}"}, "/_stcore/health")
                break
            time.sleep(0.2)
        yield port
    finally:
        os.killpg(app.pid, signal.SIGTERM)
        app.wait(timeout=60)


@pytest.mark.slow
def test_the_running_app_answers_its_own_pages_only(port):
    for kind, good in ((UPGRADE, 101), ({"Connection": "close"}, 200)):
        path = "/_stcore/stream" if good == 101 else "/"
        for headers in (*FOREIGN, *ALLOWED):
            asked = {n: v.replace("8501", str(port)) for n, v in headers.items()} | kind
            expected = {good} if headers in ALLOWED else {400, 403}
            assert answer(port, asked, path) in expected, asked
