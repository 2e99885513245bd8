"""The dataset card of an export: front matter that Hugging Face reads, and text that people read.

It holds names and numbers only; no text out of the dataset goes into it.

    contents = Contents("top", "data.jsonl", "jsonl", 9, 2, {"gsm8k": (9, 2)}, has_trainers=False)
    text = dataset_card(contents, provenance)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.reports.card import Section, Word, card
from workbench.reports.escape import inline
from workbench.reports.table import markdown_table
from workbench.scoring import CONFOUNDS, SCORERS, Followed, exported_names
from workbench.selection.trainers import slug

SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
)

MADE = (
    "A selection made with circuit-workbench: rows were scored with a language model and chosen by "
    "their score. The full record is in `provenance.json`."
)
COUNTS = ("rows in the input", "rows selected", "share")
MIX = ("source", "rows before", "share", "rows after", "share")
SHOWN = (
    "model",
    "revision",
    "method",
    *exported_names(),
    "part",
    "policy",
    "adjust",
    "temperature",
    "group_by",
    "quota",
    "max_per_group",
    "near_duplicates",
    "near duplicates left out",
    "budget",
    "seed",
    "rows kept by hand",
    "rows dropped by hand",
)
"""Entries of the provenance that the card shows, in this order, where they are given."""

# Rows may each name a source of their own.
MAX_SOURCES = 30

NO_KNOWN_BIAS = "No bias of this score is on record; compare lengths and sources before use."

MIXED = (
    "The rows have no single layout that a trainer can be told, so there is no `trainers/` folder: "
    "export with `--format messages` to get one."
)
SUBSET_COLUMNS = (
    "Every original column is kept. Added: `_score` (null if none), `_p` (normalised weight in "
    "the draw), `_rank` (1 = first in the policy's order), `_row_id`. Rows stand in their "
    "original order."
)
REPEAT_COLUMNS = (
    f"{SUBSET_COLUMNS} This is the whole pool, exported as `repeat-weight`: `_repeat` is 2 for "
    "selected rows and 1 for all others, so that training reads the selected part on top of the "
    "corpus. `_p` and `_rank` are 0 for rows that were not selected. Of the files in `trainers/`, "
    "`sft.py` reads rows as often as `_repeat` says; other trainers read each row once unless told."
)
LOADS = "`datasets.load_dataset` reads this folder."
# Its reader of JSON lines finds the types of columns block by block.
LOADS_JSON = (
    f"{LOADS} It refuses JSON lines in which a list holds both objects and nulls beside a column "
    "of whole and other numbers: such rows load from an export with `--file parquet`."
)
LICENCE = "The rows keep the licences of the sources they came from."
UNKNOWN_LICENCE = (
    f"{LICENCE} None was given for this card: look it up before you pass the rows on, and export "
    "with `--license`."
)
TRAINERS = (
    "`trainers/` holds a LLaMA-Factory `dataset_info.json` (`--dataset_dir trainers`) with a "
    "`llamafactory.yaml`, an axolotl `datasets:` block and a TRL script `sft.py`."
)
CALLS = (
    "`trainers/` holds an axolotl `datasets:` block and a TRL script `sft.py`; both read "
    "`trainers/messages.jsonl`, where calls of functions stand as they were scored. LLaMA-Factory "
    "writes calls by templates of its own, so there is nothing for it."
)
LEARNED = {
    "last": "{who} learn the last answer of a row, which is what was scored.",
    "all": "{who} learn every answer of a row; the score is of the last one.",
}


@dataclass(frozen=True)
class Contents:
    """What an export holds; `sources` maps a source to its rows before and after."""

    name: str
    data_file: str
    format: str
    n_input: int
    n_selected: int
    sources: Mapping[str, tuple[int, int]]
    has_trainers: bool
    has_calls: bool = False
    turns: str = "last"
    repeats: bool = False
    n_aside: int = 0
    prompts_alone: bool = False
    license: str = "unknown"
    language: str | None = None

    @property
    def n_rows(self) -> int:
        """Rows in the data file, unreadable ones of the input aside."""
        return self.n_input if self.repeats else self.n_selected


def dataset_card(contents: Contents, provenance: Mapping[str, Any]) -> str:
    """The text of the export's README.md."""
    loads = LOADS if contents.data_file.endswith(".parquet") else LOADS_JSON
    use = f"{loads} {_trainers(contents)}"
    method = SCORERS.get(str(provenance.get("method")))
    bias = [method.bias if method else NO_KNOWN_BIAS, *_follows(provenance), *_idle(provenance)]
    settings = markdown_table(("setting", "value"), _settings(contents, provenance))
    return card(
        _front(contents, provenance),
        contents.name,
        [MADE],
        Section("How the rows were selected", [settings]),
        Section("Counts", [markdown_table(COUNTS, [_counts(contents)])]),
        Section("Sources", [markdown_table(MIX, _mix(contents))]),
        Section("Known bias of the score", bias),
        Section("Columns", [REPEAT_COLUMNS if contents.repeats else SUBSET_COLUMNS]),
        Section("Use", [use]),
        Section("Licence", [UNKNOWN_LICENCE if contents.license == "unknown" else LICENCE]),
    )


def _front(contents: Contents, provenance: Mapping[str, Any]) -> dict[str, Any]:
    method = [slug(str(provenance["method"]))] if provenance.get("method") else []
    files = {"split": Word("train"), "path": contents.data_file}
    return {
        "pretty_name": contents.name,
        "license": contents.license,
        **({"language": [contents.language]} if contents.language else {}),
        "task_categories": ["text-generation"],
        "tags": ["circuit-workbench", "data-selection", *method],
        "size_categories": [size_category(contents.n_rows)],
        "configs": [{"config_name": Word("default"), "data_files": [files]}],
    }


def _trainers(contents: Contents) -> str:
    """What to train with, and how many rows have nothing to learn from."""
    if contents.prompts_alone:
        return "No row has a completion, so there is nothing for a trainer to learn from."
    n = contents.n_aside
    aside = f" {n} rows without a completion stand in `prompt-only.jsonl`." if n else ""
    told, who = (CALLS, "Both") if contents.has_calls else (TRAINERS, "All three")
    files = f"{told} {LEARNED[contents.turns].format(who=who)}" if contents.has_trainers else MIXED
    return files + aside


def _follows(provenance: Mapping[str, Any]) -> list[str]:
    """A sentence on everything that the score was seen to follow on these data."""
    found = provenance.get("follows")
    if not isinstance(found, Mapping):
        return []
    return [
        Followed(name, *found[name]).sentence for name in CONFOUNDS if _is_pair(found.get(name))
    ]


def _is_pair(found: Any) -> bool:
    """Whether a manifest tells of both correlations; the second may not be known."""
    if not (isinstance(found, list | tuple) and len(found) == 2):
        return False
    raw, held = (isinstance(value, int | float) for value in found)
    return raw and (held or found[1] is None)


def _idle(provenance: Mapping[str, Any]) -> list[str]:
    """A sentence on the idle heads that the score rests on, where any are known."""
    idle = provenance.get("idle")
    if not (idle and isinstance(idle, list | tuple)):
        return []
    return [
        f"{len(idle)} of the {len(provenance['circuit'])} heads scored with are idle "
        f"({', '.join(map(inline, idle))}): uniform attention in them costs loss, yet taking their "
        "output away costs none, so they were found by what they break and not by what they do."
    ]


def size_category(n_rows: int) -> str:
    """The size class of Hugging Face that `n_rows` falls into."""
    return next((name for limit, name in SIZES if n_rows < limit), "n>1B")


def _settings(contents: Contents, provenance: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    # Where quotas are the budget there is no other.
    asked = {name: value for name, value in provenance.items() if value not in (None, {})}
    given = [(name, asked[name]) for name in SHOWN if name in asked]
    form = "repeat-weight" if contents.repeats else "subset"
    return [*given, ("format", contents.format), ("as", form)]


def _counts(contents: Contents) -> tuple[Any, ...]:
    return (contents.n_input, contents.n_selected, _percent(contents.n_selected, contents.n_input))


def _mix(contents: Contents) -> list[tuple[Any, ...]]:
    by_size = sorted(contents.sources.items(), key=lambda item: (-item[1][0], item[0]))
    shown, rest = by_size[:MAX_SOURCES], by_size[MAX_SOURCES:]
    if rest:
        before, after = (sum(counts) for counts in zip(*(n for _, n in rest), strict=True))
        shown.append((f"({len(rest)} more)", (before, after)))
    shares = (contents.n_input, contents.n_selected)
    return [
        (source, before, _percent(before, shares[0]), after, _percent(after, shares[1]))
        for source, (before, after) in shown
    ]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
