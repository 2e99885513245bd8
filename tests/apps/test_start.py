"""`workbench app`: this machine only, and which folder of runs the pages look at."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from apps.reading.roots import MAX_UPLOAD_MB
from workbench.cli.main import cli

CONFIG = Path(__file__).resolve().parents[2] / "apps" / ".streamlit" / "config.toml"


@pytest.fixture
def started(monkeypatch) -> list:
    calls = []

    def note(arguments, **options):
        calls.append((arguments, options["env"]))
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", note)
    monkeypatch.delenv("WORKBENCH_RUNS", raising=False)
    return calls


def test_the_server_listens_on_the_loopback_address_only(started):
    assert CliRunner().invoke(cli, ["app", "--port", "8600"]).exit_code == 0
    arguments, _ = started[0]
    assert Path(arguments[4]).name == "server.py"
    assert arguments[arguments.index("--server.enableXsrfProtection") + 1] == "true"
    assert arguments[arguments.index("--server.enableCORS") + 1] == "true"
    assert arguments[arguments.index("--server.address") + 1] == "127.0.0.1"
    assert arguments[arguments.index("--server.port") + 1] == "8600"


def test_started_by_hand_it_listens_there_as_well():
    server = tomllib.loads(CONFIG.read_text())["server"]
    assert server["address"] == "127.0.0.1"
    assert server["allowedHosts"] == ["127.0.0.1", "localhost", "::1"]
    assert server["enableCORS"] is server["enableXsrfProtection"] is True
    assert server["maxUploadSize"] == MAX_UPLOAD_MB


def test_widgets_that_others_set_leave_no_stack_trace_in_the_log():
    config = tomllib.loads(CONFIG.read_text())
    assert config["global"]["disableWidgetStateDuplicationWarning"] is True


def test_a_given_folder_is_passed_on_as_an_absolute_path(started, tmp_path):
    CliRunner().invoke(cli, ["app", "--runs", str(tmp_path)])
    assert started[0][1]["WORKBENCH_RUNS"] == str(tmp_path.resolve())


def test_allowed_roots_are_passed_on_as_absolute_paths(started, tmp_path):
    (tmp_path / "a").mkdir()
    CliRunner().invoke(cli, ["app", "--root", str(tmp_path), "--root", str(tmp_path / "a")])
    roots = started[0][1]["WORKBENCH_ROOTS"].split(os.pathsep)
    assert roots == [str(tmp_path.resolve()), str((tmp_path / "a").resolve())]


def test_without_roots_the_pages_have_their_default(started, monkeypatch):
    monkeypatch.delenv("WORKBENCH_ROOTS", raising=False)
    CliRunner().invoke(cli, ["app"])
    assert "WORKBENCH_ROOTS" not in started[0][1]


def test_without_a_folder_the_pages_look_for_one(started):
    CliRunner().invoke(cli, ["app"])
    assert "WORKBENCH_RUNS" not in started[0][1]
