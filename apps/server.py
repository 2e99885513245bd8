"""The workbench behind a guard: only this machine's own pages are answered.

streamlit run apps/server.py

A page of another site, open in the same browser, may ask any address of this machine, and can give
it a name of its own (DNS rebinding). It can hide neither that name nor where it comes from.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from starlette.middleware import Middleware

HOME = str(Path(__file__).resolve().parents[1])
if HOME not in sys.path:
    sys.path.insert(0, HOME)

OWN = frozenset({"127.0.0.1", "localhost", "::1"})
REFUSED = b"This server answers its own pages on this machine only.\n"
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Guard:
    """Refuses requests under a foreign name, and those that a foreign page makes."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or is_own(scope["headers"]):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": REFUSED})


def is_own(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request names this machine, and comes from the page that it is sent to."""
    found: dict[bytes, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value.decode("latin-1").lower())
    hosts, origins = found.get(b"host", []), found.get(b"origin", [])
    if len(hosts) != 1 or len(origins) > 1 or _name(f"//{hosts[0]}") not in OWN:
        return False
    # A browser sends "null" for pages without an address, which are not ours either.
    return all(urlsplit(origin).netloc == hosts[0] for origin in origins)


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


app = st.App(Path(__file__).with_name("app.py"), middleware=[Middleware(Guard)])
