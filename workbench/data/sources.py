"""Where data comes from: a bundled name, a path or glob, or a dataset of the Hugging Face hub.

resolve_source("my/*.jsonl")        # the files, sorted
fingerprint_sources(["gsm8k"])      # what a run's name is hashed from
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from workbench.bundled import DATASETS, bundled_dir
from workbench.config import file_digest
from workbench.data.folders import files_of
from workbench.errors import InputError, first_line

SUFFIXES = (
    *(".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".ndjson.gz", ".ndjson.zst"),
    *(".json", ".parquet", ".arrow", ".csv", ".tsv", ".txt"),
)
HUB_PREFIX = "hf:"
SPLIT_NAMES = ("train", "test", "validation", "valid", "dev")


class HubSource(NamedTuple):
    """A dataset of the hub; `config` None is the dataset's default one."""

    repo: str
    config: str | None
    split: str


def parse_hub_source(source: str) -> HubSource:
    """Read `hf:owner/name[:config][:split]`.

    A single part after the name is a split if it is called like one (train, test, validation,
    valid, dev), else a config; `hf:owner/name::extra` names any other split.
    """
    repo, _, rest = source.removeprefix(HUB_PREFIX).partition(":")
    first, _, second = rest.partition(":")
    if repo.count("/") != 1 or not all(repo.split("/")):
        raise InputError(
            f"hub dataset is '{source}'",
            expected="hf:owner/name[:config][:split]",
            do="for example hf:openai/gsm8k:main:train",
        )
    if first in SPLIT_NAMES and not second:
        return HubSource(repo, None, first)
    return HubSource(repo, first or None, second or "train")


def resolve_source(source: str) -> list[Path]:
    """The files behind a bundled name, a file, a folder or a glob, in name order."""
    if source in DATASETS:
        return [_bundled(source)]
    path, exists = _path(source)
    if path.is_dir():
        return [_named_in_unicode(file) for file in files_of(path, file_suffix)]
    if exists:
        return [_checked_file(path)]
    if any(sign in source for sign in "*?["):
        return [_checked_file(match) for match in _matches(path, source)]
    raise InputError(
        f"no data at '{source}'",
        expected=f"a bundled name ({', '.join(DATASETS)}), a file, a folder, a glob or "
        "hf:owner/name",
        do="check the spelling",
    )


def fingerprint_sources(sources: Sequence[str]) -> list[dict[str, Any]]:
    """Name, size and sha256 of every file behind `sources`; a hub dataset gives its `revision`.

    Names carry no folders, so that the same data in another place is the same data.
    """
    prints: list[dict[str, Any]] = []
    for source in sources:
        if source.startswith(HUB_PREFIX):
            prints.append({"name": source, "bytes": None, "sha256": None})
            prints[-1]["revision"] = hub_revision(parse_hub_source(source).repo)
            continue
        prints += [
            {
                "name": source_name(source, path),
                "bytes": path.stat().st_size,
                "sha256": file_digest(path),
            }
            for path in resolve_source(source)
        ]
    return prints


def source_name(source: str, path: Path) -> str:
    """What rows of `path` are called by: the bundled name, else the file's name."""
    return source if source in DATASETS else path.name


def file_suffix(path: Path) -> str | None:
    """Which of the readable kinds the file's name says it is."""
    name = path.name.lower()
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)


def _bundled(name: str) -> Path:
    path = bundled_dir("data") / DATASETS[name]
    if not path.is_file():
        raise InputError(
            f"the bundled data '{name}' is missing from this installation",
            do="install the wheel again or run from a complete clone",
        )
    return path


def _path(source: str) -> tuple[Path, bool]:
    """The path that is meant, and whether something is there."""
    try:
        if not source.strip():
            raise ValueError("it is empty")
        path = Path(source).expanduser()
        return path, path.exists()
    except (OSError, RuntimeError, ValueError) as err:
        raise InputError(
            f"'{source[:200]}' is no path of data ({getattr(err, 'strerror', None) or err})",
            expected="a bundled name, a file, a folder, a glob or hf:owner/name",
            do="check the spelling",
        ) from err


def _matches(path: Path, source: str) -> list[Path]:
    pattern = str(path.relative_to(path.anchor))
    try:
        # Python 3.13 takes such a part for one star.
        if any("**" in part and part != "**" for part in Path(pattern).parts):
            raise ValueError("'**' can only be an entire path component")
        found = sorted(match for match in Path(path.anchor).glob(pattern) if match.is_file())
    except (ValueError, OSError, NotImplementedError) as err:
        raise InputError(
            f"'{source}' is no pattern of files ({first_line(err)})",
            expected="a file, or a pattern such as 'my/*.jsonl'",
            do="check the name",
        ) from err
    if not found:
        raise InputError(
            f"no file matches '{source}'",
            expected="a pattern that matches at least one file",
            do="list the folder and check the pattern",
        )
    return found


def _checked_file(path: Path) -> Path:
    if not path.is_file():
        raise InputError(
            f"'{path}' is no regular file, and data is read more than once",
            expected="a file, not a pipe or a device",
            do="write its rows to a file and pass that",
        )
    if file_suffix(path) is None:
        raise InputError(
            f"'{path}' has an unknown extension",
            expected=f"one of {', '.join(SUFFIXES)}",
            do="convert or rename the file",
        )
    return _named_in_unicode(path)


def _named_in_unicode(path: Path) -> Path:
    """The path; manifests are UTF-8, and so are the names in them."""
    try:
        str(path).encode()
    except UnicodeEncodeError as err:
        raise InputError(
            f"the name of {str(path)!a} is not UTF-8",
            expected="a name in Unicode",
            do="rename the file",
        ) from err
    return path


@cache
def hub_revision(repo: str) -> str | None:
    """The commit that a hub dataset is at: asked once a process, so that a run names what it reads.

    Whoever fetches rows passes it, and a branch that moves meanwhile changes nothing.
    """
    from huggingface_hub import dataset_info

    try:
        return dataset_info(repo).sha
    except Exception as err:
        # Which library speaks to the network, and so the kind of its errors, has changed twice.
        raise hub_error(f"{HUB_PREFIX}{repo}", err) from err


def hub_error(source: str, err: Exception) -> InputError:
    """The hub library's complaint as one sentence of ours."""
    lines = str(err).strip().splitlines() or [type(err).__name__]
    return InputError(
        f"cannot read '{source}' from the Hugging Face hub: {lines[0].rstrip('.')}",
        do="check the name, the config, the split and the connection",
    )
