"""Which files of a folder are its data: an export, a saved dataset, or the shards of one.

files_of(Path("subset"), lambda path: path.suffix)      # [Path("subset/data.jsonl")]
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from workbench.errors import InputError

SPLITS = ("train", "test", "validation", "valid", "dev", "val")
# Beside the data of a hub's folder or of an export; no rows.
ABOUT = (
    "dataset_info.json",
    "dataset_infos.json",
    "state.json",
    "dataset_dict.json",
    "provenance.json",
)
Kind = Callable[[Path], str | None]


def files_of(folder: Path, kind: Kind) -> list[Path]:
    """The data files of `folder` in order; `kind` says what a file is by its name, if readable.

    InputError where the folder holds several things that could be meant.
    """
    if (folder / "dataset_dict.json").is_file():
        return files_of(_only_split(folder), kind)
    if (folder / "state.json").is_file():
        return _saved(folder)
    if (folder / "provenance.json").is_file():
        return _exported(folder)
    files = [path for path in sorted(folder.iterdir()) if _is_data(path) and kind(path)]
    # A licence or a note beside the data is no document of it.
    rows = [path for path in files if kind(path) != ".txt"]
    if not rows and (folder / "data").is_dir():
        return files_of(folder / "data", kind)
    files = rows or files
    return _shards(folder, files, kind)


def _is_data(path: Path) -> bool:
    return path.is_file() and not path.name.startswith((".", "_")) and path.name not in ABOUT


def _shards(folder: Path, files: list[Path], kind: Kind) -> list[Path]:
    """All files, provided that they are of one kind and one split."""
    if not files:
        raise InputError(
            f"the folder '{folder}' holds no data",
            expected="files of one kind, an export, or a saved dataset",
            do=f"pass the files themselves, or a pattern such as '{folder}/*/*.jsonl'",
        )
    kinds = sorted({str(kind(path)) for path in files})
    splits = sorted({split for path in files if (split := _split_of(path))})
    for what, found in (("kinds of files", kinds), ("splits", splits)):
        if len(found) > 1:
            example = f"*{found[0]}" if what.startswith("kinds") else f"{found[0]}*"
            raise InputError(
                f"the folder '{folder}' holds several {what} ({', '.join(found)})",
                expected="one of them",
                do=f"pass a pattern such as '{folder}/{example}'",
            )
    return files


def _split_of(path: Path) -> str | None:
    """`train` of train.jsonl and train-00000-of-00002.parquet."""
    first = path.name.partition(".")[0].partition("-")[0].lower()
    return first if first in SPLITS else None


def _only_split(folder: Path) -> Path:
    """The one split of a saved `DatasetDict`."""
    named = _read(folder / "dataset_dict.json").get("splits")
    splits = [str(name) for name in named] if isinstance(named, list) else []
    if len(splits) == 1 and _is_plain(splits[0]):
        if not (folder / splits[0]).is_dir():
            raise _lacking(folder, splits[0])
        return folder / splits[0]
    raise InputError(
        f"the saved dataset '{folder}' has the splits {', '.join(splits) or '(none)'}",
        expected="one of them",
        do=f"pass '{folder}/{splits[0] if splits else 'train'}'",
    )


def _saved(folder: Path) -> list[Path]:
    """The files of `Dataset.save_to_disk`, in the order that it says."""
    entries = _read(folder / "state.json").get("_data_files")
    entries = entries if isinstance(entries, list) else []
    names = [entry.get("filename") if isinstance(entry, dict) else entry for entry in entries]
    return _existing(folder, names)


def _exported(folder: Path) -> list[Path]:
    """The data file of an export; its card and trainer files are no rows."""
    files = _read(folder / "provenance.json").get("files")
    named = files if isinstance(files, dict | list) else []
    return _existing(folder, [name for name in named if name in ("data.jsonl", "data.parquet")])


def _is_plain(name: object) -> bool:
    """Whether a foreign folder names a file of its own, and not one elsewhere."""
    return isinstance(name, str) and name not in ("", "..") and Path(name).name == name


def _existing(folder: Path, names: list) -> list[Path]:
    if odd := [name for name in names if not _is_plain(name)]:
        raise InputError(
            f"the folder '{folder}' names the file {odd[0]!r}, which is none of its own",
            expected="names of files in it",
            do="pass the files themselves",
        )
    paths = [folder / name for name in names if (folder / name).is_file()]
    if not paths or len(paths) < len(names):
        missing = next((name for name in names if not (folder / name).is_file()), "its data file")
        raise _lacking(folder, missing)
    return paths


def _lacking(folder: Path, missing: str) -> InputError:
    return InputError(
        f"the folder '{folder}' lacks {missing}", expected="the whole folder", do="copy it again"
    )


def _read(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as err:
        raise InputError(f"'{path}' cannot be read ({err})", expected="JSON") from err
    return content if isinstance(content, dict) else {}
