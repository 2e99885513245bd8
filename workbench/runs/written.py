"""What a run wrote, by sha256, and whether it still is what was written.

check_run(Path("runs/score-circuitseer-1a2b3c4d"))

While a run works every part has its line in `SHA256SUMS` (`sha256sum -c` reads it); a finished run
has its files in the manifest, which carries a hash of itself. This finds flipped bits, truncated
and half-copied files and edits by hand; it is no signature, whoever means harm can hash as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from workbench.config import file_digest
from workbench.errors import InputError
from workbench.runs.events import EVENTS
from workbench.runs.files import TMP, writing
from workbench.runs.manifest import MANIFEST, is_refused, read_manifest

SUMS = "SHA256SUMS"
LOCK = ".lock"
# The last three come from pages, after the run, and change: what is said of rows by hand, and what
# kind of head each is.
_OWN = {MANIFEST, LOCK, EVENTS, SUMS, "marks.json", "labels.json", "kinds.json"}


def note_sum(folder: Path, file: Path, name: str) -> str:
    """Add the line of `file`, which is to lie at `name` in the run's folder; returns its sum.

    The line is not forced to the disk: a part whose line a power cut takes is computed again.
    """
    path, sha256 = folder / SUMS, file_digest(file)
    with writing(path), path.open("a", encoding="utf-8") as sums:
        # The break comes first: half a line that a killed process left stays alone.
        sums.write(("\n" if sums.tell() else "") + f"{sha256}  {name}")
    return sha256


def files_of(folder: Path, *, without: frozenset[str] = frozenset()) -> dict[str, str]:
    """Name to sha256 of the files in a run's folder that are its result or stand beside it."""
    left_out = _OWN | without
    return {
        path.name: file_digest(path)
        for path in sorted(folder.iterdir())
        if path.is_file()
        and path.name not in left_out
        and path.suffix != TMP
        and not path.name.startswith(".")
    }


def damage(folder: Path, digest: str) -> list[str]:
    """Files of a finished run that are not as it wrote them; of earlier versions none is known.

    InputError if the folder holds the answer to another question than that of `digest`, or if the
    system does not let the manifest be read.
    """
    try:
        manifest = read_manifest(folder)
    except InputError as err:
        if is_refused(err):
            raise
        return [MANIFEST]
    if manifest["digest"] != digest:
        raise InputError(
            f"the folder '{folder}' holds a run of another question (its digest is "
            f"{manifest['digest'][:12]})",
            expected=f"{digest[:12]}, after which the folder is called",
            do="move it away, or give it its own name back",
        )
    return list(_damaged(folder, manifest.get("files") or {}))


def check_run(folder: Path) -> None:
    """Raise InputError unless what lies in a run's folder is what the run wrote.

    A folder without a manifest is no run: it is let pass.
    """
    if not (folder / MANIFEST).is_file():
        return
    if broken := list(_damaged(folder, read_manifest(folder).get("files") or {})):
        raise InputError(
            f"{', '.join(map(repr, broken))} in the run '{folder}' is missing or not what the run "
            "wrote (its sha256 is another)",
            expected="the files as they were written",
            do="copy the folder again, or run its command again: what is damaged is computed anew",
        )


def _damaged(folder: Path, files: dict[str, str]) -> Iterator[str]:
    for name, sha256 in sorted(files.items()):
        if not (folder / name).is_file() or file_digest(folder / name) != sha256:
            yield name


def noted_sums(folder: Path) -> dict[str, str]:
    """Name to sha256 of what was noted last; a torn or foreign line says nothing."""
    path = folder / SUMS
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    pairs = (line.partition("  ") for line in text.splitlines())
    return {name: sha256 for sha256, _, name in pairs if name}
