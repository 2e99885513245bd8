"""The offline check of what is installed sees another version and a changed file."""

import shutil
from importlib import metadata

import pytest

from tests.trust import installed


def test_a_package_as_it_was_packed_passes(capsys):
    assert installed.main(["click", "filelock"]) == 0
    assert capsys.readouterr().out == "as pinned and packed\n"


def test_another_version_is_named(monkeypatch, capsys):
    monkeypatch.setattr(installed, "pinned", lambda: {"click": "0.1"})
    assert installed.main([]) == 1
    assert "pinned is 0.1" in capsys.readouterr().out


@pytest.mark.parametrize("remove", [True, False])
def test_a_changed_or_missing_file_is_named(tmp_path, remove):
    origin = metadata.distribution("filelock")
    for file in origin.files or ():
        if file.parts[0] != "..":
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            if file.locate().is_file():
                shutil.copy(file.locate(), tmp_path / file)
    (found,) = metadata.distributions(path=[str(tmp_path)])
    assert list(installed.changed("filelock", found)) == []
    victim = tmp_path / "filelock" / "__init__.py"
    victim.unlink() if remove else victim.write_text("import os\n")
    (problem,) = installed.changed("filelock", found)
    assert problem == "filelock: filelock/__init__.py is missing or changed"
