"""A folder is whole at every moment, and what killed processes leave is taken away."""

import signal
import subprocess
import sys
import threading

import pytest

from workbench.selection import folder as folders
from workbench.selection.folder import new_folder

RECORD = "provenance.json"
KILLED = """
import os, signal, sys
from pathlib import Path
from workbench.selection import folder
from workbench.selection.folder import new_folder

out, where = Path(sys.argv[1]), sys.argv[2]
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if where == "replacing":
    folder._exchanged = lambda *_: False
    rename = Path.rename
    Path.rename = lambda self, to: die() if self.name.endswith(".tmp") else rename(self, to)
with new_folder(out, record="provenance.json") as building:
    (building / "provenance.json").write_text('{"files": []}')
    if where == "building":
        die()
"""


def killed(out, where):
    child = subprocess.run([sys.executable, "-c", KILLED, str(out), where], check=False)
    assert child.returncode == -signal.SIGKILL


def write(out, text='{"files": []}'):
    with new_folder(out, record=RECORD) as building:
        (building / RECORD).write_text(text)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_next_export_takes_away_what_a_killed_one_left(tmp_path):
    out = tmp_path / "a[1]*"
    killed(out, "building")
    assert [name[:7] for name in names(tmp_path)] == [".a[1]*."]
    write(out)
    assert names(tmp_path) == ["a[1]*"]


def test_what_another_process_is_building_is_left_alone(tmp_path):
    with new_folder(tmp_path / "out", record=RECORD) as building:
        other = building.rename(tmp_path / ".out.1.tmp")
        (other / RECORD).write_text('{"files": []}')
        folders._mend(tmp_path / "out")
        assert (other / RECORD).is_file()
        other.rename(building)
    assert names(tmp_path) == ["out"]


def test_folders_of_other_names_are_left_alone(tmp_path):
    (tmp_path / ".out2.1.tmp").mkdir()
    (tmp_path / ".other.1.old").mkdir()
    write(tmp_path / "out")
    assert names(tmp_path) == [".other.1.old", ".out2.1.tmp", "out"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems swap folders in two steps")
def test_replacing_leaves_no_moment_without_a_folder(tmp_path):
    out, missing, done = tmp_path / "out", [], threading.Event()
    write(out)

    def watch():
        while not done.is_set():
            try:
                (out / RECORD).stat()
            except FileNotFoundError as err:
                missing.append(err)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(200):
        write(out, f'{{"files": [], "number": {number}}}')
    done.set()
    watcher.join()
    assert not missing
    assert '"number": 199' in (out / RECORD).read_text()


def test_without_a_swap_the_next_export_puts_the_old_folder_back(tmp_path, monkeypatch):
    out = tmp_path / "out"
    write(out, '{"files": [], "old": true}')
    killed(out, "replacing")
    assert not out.exists()
    with new_folder(out, record=RECORD) as building:
        assert '"old"' in (out / RECORD).read_text()
        (building / RECORD).write_text('{"files": []}')
    assert names(tmp_path) == ["out"]
    monkeypatch.setattr(folders, "_exchanged", lambda *_: False)
    write(out, '{"files": [], "new": true}')
    assert '"new"' in (out / RECORD).read_text()
    assert names(tmp_path) == ["out"]


WITHOUT_LOCKS = """
import os, sys
sys.modules["fcntl"] = None
from pathlib import Path
from workbench.selection.folder import LOCKS, new_folder

assert LOCKS is None
out = Path(sys.argv[1])
for text in ("first", "second"):
    with new_folder(out, record="provenance.json") as building:
        (building / "provenance.json").write_text('{"files": []}')
        (building / "text").write_text(text)
        (building / "provenance.json").write_text('{"files": ["text"]}')
print((out / "text").read_text())
"""


def test_a_system_that_cannot_lock_folders_builds_and_replaces_them(tmp_path):
    """As on Windows: there is no `fcntl`, and folders are not swapped in one step."""
    command = [sys.executable, "-c", WITHOUT_LOCKS, str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "second\n"
    assert names(tmp_path) == ["out"]


def test_without_locks_a_folder_is_left_to_the_process_in_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "LOCKS", None)
    (tmp_path / ".out.1-1.tmp").mkdir()
    (tmp_path / ".out.99999999-1.tmp").mkdir()
    (tmp_path / ".out.99999999.old").mkdir()
    write(tmp_path / "out")
    assert names(tmp_path) == [".out.1-1.tmp", "out"]


@pytest.mark.parametrize("command", ["score", "select", "export", "tune", "trial"])
def test_commands_start_where_folders_cannot_be_locked(command):
    code = "import sys; sys.modules['fcntl'] = None; from workbench.cli.main import main; "
    code += f"import workbench.stages, workbench.trial; sys.argv = ['workbench', '{command}', '-h']"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; main()"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
