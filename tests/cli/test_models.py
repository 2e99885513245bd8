"""`workbench models`: what is there by name, and how the rest is got."""

from __future__ import annotations

import json

NAME = "smollm2-135m"


def test_named_models_are_listed_and_got(workbench, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    listed = json.loads(workbench("models", "list", "--json").out)
    assert [(m["name"], m["licence"], m["here"]) for m in listed] == [
        ("math-tiny", "MIT", True),
        (NAME, "Apache-2.0", False),
    ]
    assert f"workbench models get {NAME}" in workbench("models", "list").out
    got = json.loads(workbench("models", "get", "math-tiny", "--json").out)
    assert (got["licence"], got["reused"]) == ("MIT", True)
    refused = workbench("models", "get", "nonesuch")
    assert (refused.code, refused.out) == (2, "")
