"""A Hugging Face hub on 127.0.0.1: enough of its protocol to fetch models and push datasets.

with serving({"org/name": Repository(folder)}) as hub:
    hub.url, hub.asked
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import huggingface_hub.constants as hub_constants
import pytest

COMMIT = "c0ffee" + 34 * "0"
TOKEN = "hf_the_right_one"


@dataclass(frozen=True)
class Repository:
    """Files of one repository; a gated one shows its name to all and its files to `TOKEN` only."""

    folder: Path
    revisions: tuple[str, ...] = ("main",)
    gated: bool = False
    hidden: bool = False


@dataclass
class Pushed:
    """A dataset that was made here: who may see it, and its files after the last commit."""

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)


class Asked(NamedTuple):
    """One request as the hub saw it."""

    method: str
    path: str
    token: str | None


@dataclass
class Hub:
    """Where the hub is, every request so far, and the datasets that were pushed."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    pushed: dict[str, Pushed] = field(default_factory=dict)

    def files(self) -> list[str]:
        """Names of the files that were asked for, each once."""
        fetched = [a.path for a in self.asked if a.method == "GET" and "/resolve/" in a.path]
        return list(dict.fromkeys(path.rpartition("/")[2] for path in fetched))


@contextmanager
def serving(repositories: Mapping[str, Repository]) -> Iterator[Hub]:
    """The hub for the duration of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.repositories = repositories  # type: ignore[attr-defined]
    server.hub = Hub(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.hub  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def point_at(url: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What HF_ENDPOINT, HF_HUB_CACHE and HF_HUB_OFFLINE=0 do when they are set before the start."""
    monkeypatch.setattr(hub_constants, "ENDPOINT", url)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(hub_constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(hub_constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(hub_constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub_constants, "HF_TOKEN_PATH", str(cache / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_POST(self) -> None:
        self._answer(with_body=True)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""

    def _answer(self, *, with_body: bool) -> None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        path = self.path.partition("?")[0]
        hub: Hub = self.server.hub  # type: ignore[attr-defined]
        hub.asked.append(Asked(self.command, path, token))
        parts = path.strip("/").split("/")
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.command == "POST":
            status, headers, body = _taken(hub, parts, sent, token)
        elif parts[:2] == ["api", "datasets"]:
            status, headers, body = _of_dataset(hub, "/".join(parts[2:4]))
        else:
            status, headers, body = self._response(parts, token)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _response(self, parts: list[str], token: str | None) -> tuple[int, dict[str, str], bytes]:
        is_api = parts[:2] == ["api", "models"]
        parts = parts[2:] if is_api else parts
        known: Mapping[str, Repository] = self.server.repositories  # type: ignore[attr-defined]
        # A few old models have a name without an organisation.
        n_parts = 1 if parts[0] in known else 2
        name, rest = "/".join(parts[:n_parts]), parts[n_parts:]
        repository = known.get(name)
        if repository is None or (repository.hidden and token != TOKEN):
            return _refusal(401 if token is None else 404, "RepoNotFound")
        revision = rest[1] if len(rest) > 1 else "main"
        if revision not in (*repository.revisions, COMMIT):
            return _refusal(404, "RevisionNotFound")
        if is_api:
            return _api(name, repository, listing=rest[:1] == ["tree"])
        if repository.gated and token != TOKEN:
            return _refusal(401 if token is None else 403, "GatedRepo")
        path = repository.folder / "/".join(rest[2:])
        if not path.is_file():
            return _refusal(404, "EntryNotFound")
        content = path.read_bytes()
        tag = hashlib.sha256(content).hexdigest()
        return 200, {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT}, content


def _of_dataset(hub: Hub, name: str) -> tuple[int, dict[str, str], bytes]:
    if name not in hub.pushed:
        return _refusal(404, "RepoNotFound")
    return _json({"_id": "0", "id": name, "sha": COMMIT, "private": hub.pushed[name].private})


def _taken(
    hub: Hub, parts: list[str], sent: bytes, token: str | None
) -> tuple[int, dict[str, str], bytes]:
    """What a push sends: a new dataset, which files are coming, and all of them in a commit."""
    if parts == ["api", "validate-yaml"]:
        return _json({"errors": [], "warnings": []})
    if token != TOKEN:
        return 401, {"X-Error-Message": "Invalid credentials"}, b""
    if parts == ["api", "repos", "create"]:
        asked = json.loads(sent)
        name = f"{asked['organization']}/{asked['name']}"
        if name in hub.pushed:
            _, headers, body = _json({"url": f"{hub.url}/datasets/{name}", "name": name})
            return 409, {**headers, "X-Error-Message": "You already created this dataset"}, body
        private = asked.get("visibility", "public") == "private" or asked.get("private") is True
        hub.pushed[name] = Pushed(private)
        return _json({"url": f"{hub.url}/datasets/{name}", "name": name})
    name, action = "/".join(parts[2:4]), parts[4]
    if action == "preupload":
        paths = [file["path"] for file in json.loads(sent)["files"]]
        files = [{"path": p, "uploadMode": "regular", "shouldIgnore": False} for p in paths]
        return _json({"files": files})
    for line in map(json.loads, sent.splitlines()):
        if line["key"] == "file":
            content = base64.b64decode(line["value"]["content"])
            hub.pushed[name].files[line["value"]["path"]] = content
    url = f"{hub.url}/datasets/{name}/commit/{COMMIT}"
    return _json({"commitUrl": url, "commitOid": COMMIT})


def _json(answer: object) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


def _refusal(status: int, code: str) -> tuple[int, dict[str, str], bytes]:
    return status, {"X-Error-Code": code, "X-Error-Message": code}, b""


def _api(name: str, repository: Repository, *, listing: bool) -> tuple[int, dict, bytes]:
    paths = sorted(p for p in repository.folder.rglob("*") if p.is_file())
    names = [p.relative_to(repository.folder).as_posix() for p in paths]
    answer: object = {
        "_id": "0",
        "id": name,
        "sha": COMMIT,
        "private": repository.hidden,
        "gated": "manual" if repository.gated else False,
        "tags": [],
        "siblings": [{"rfilename": n} for n in names],
    }
    if listing:
        answer = [
            {
                "type": "file",
                "path": n,
                "size": p.stat().st_size,
                "oid": hashlib.sha1(p.read_bytes()).hexdigest(),
            }
            for n, p in zip(names, paths, strict=True)
        ]
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()
