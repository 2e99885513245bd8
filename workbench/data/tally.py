"""What has been read: which column became what, and what was not read although it looks like it.

    tally = Tally()
    samples = list(read_samples(["gsm8k"], tally=tally))
    print("\\n".join(reading_lines(tally.summary())))

Rows are counted as they pass by, so that it costs no second reading and no memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.data.labels import LABELS, label_number
from workbench.data.shapes import CONTENT, Shape
from workbench.options import ReadOptions
from workbench.types import TOOLS_READER, BadRow, Sample

SHOWN = 2
WIDTH = 160
MOST = 5
MOST_KINDS = 1000
# A manifest has its keys in the order of the alphabet.
PARTS = (
    *("system", "history", "turns", "prompt", "reasoning", "completion"),
    *("text", "answer", "tools"),
)
ONE_OF = {"system", "completion"}
OF_ROW = ("row_id", "system", "prompt", "completion", "text")
COUNTS = {
    "with_completion": "with a completion",
    "without_completion": "without",
    "text": "of plain text",
    "multi_turn": "with several turns",
    "malformed": "malformed",
}


@dataclass
class Kind:
    """Rows of one shape with the same columns; `parts` is what is read of them."""

    parts: dict[str, list[str]]
    unread: tuple[str, ...]
    labels: tuple[str, ...]
    known: tuple[str, ...]
    n_rows: int = 0


@dataclass
class Tally:
    """Counts of the rows that were read, and the first two of them.

    `whose` says what data they are of, where a command reads more than one.
    """

    kinds: dict[tuple[str, tuple[str, ...]], Kind] = field(default_factory=dict)
    n: Counter[str] = field(default_factory=Counter)
    ambiguous: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    shown: list[dict[str, str]] = field(default_factory=list)
    whose: str = ""

    def add(self, row: Sample | BadRow, shape: Shape | None = None) -> None:
        """Count one row; a sample with the shape that it was read in."""
        self.n["rows"] += 1
        if isinstance(row, BadRow):
            self.n["malformed"] += 1
            reason = row.reason.partition(": ")[2] or row.reason
            known = reason in self.reasons or len(self.reasons) < MOST_KINDS
            self.reasons[reason if known else "other reasons"] += 1
            return
        if shape is None:
            raise ValueError(f"row '{row.row_id}' is counted without its shape")
        kind = self._kind(row, shape)
        kind.n_rows += 1
        self._count(row, kind)
        if len(self.shown) < SHOWN:
            self.shown.append(_shown(row))

    def _kind(self, row: Sample, shape: Shape) -> Kind:
        """The row's kind; of rows that all have other columns the later ones are one."""
        key = (row.shape, tuple(row.row))
        if key not in self.kinds and len(self.kinds) >= MOST_KINDS:
            key = (row.shape, ())
        if key not in self.kinds:
            self.kinds[key] = _kind(shape, tuple(row.row))
        return self.kinds[key]

    def _count(self, row: Sample, kind: Kind) -> None:
        if row.text is not None:
            self.n["text"] += 1
        else:
            self.n["with_completion" if row.has_completion else "without_completion"] += 1
            # Two turns are one question and its answer.
            if len(row.messages) > 2 and [m.role for m in row.messages].count("user") > 1:
                self.n["multi_turn"] += 1
        for column in kind.unread:
            if _is_ignored(row, row.row.get(column)):
                self.ambiguous[column] += 1
        for column in kind.labels:
            value = row.row.get(column)
            if value is not None and value != "" and label_number(value) is None:
                self.labels[column] += 1

    def summary(self) -> dict[str, Any]:
        """All counts as JSON; `shapes` has the columns that each part is read from."""
        shapes: dict[str, dict[str, Any]] = {}
        for (name, _), kind in self.kinds.items():
            shape = shapes.setdefault(name, {"rows": 0, "columns": {}, "not_read": []})
            shape["rows"] += kind.n_rows
            for part, columns in kind.parts.items():
                so_far = shape["columns"].setdefault(part, [])
                so_far += [column for column in columns if column not in so_far]
            shape["not_read"] += [c for c in kind.known if c not in shape["not_read"]]
        counts = (
            "rows",
            "with_completion",
            "without_completion",
            "text",
            "multi_turn",
            "malformed",
        )
        return {
            **({"whose": self.whose} if self.whose else {}),
            **{name: self.n[name] for name in counts},
            "shapes": shapes,
            "ambiguous": dict(sorted(self.ambiguous.items())),
            "labels_not_used": dict(sorted(self.labels.items())),
            "reasons": dict(self.reasons.most_common(MOST)),
            "rows_shown": self.shown,
            **({"tools_reader": TOOLS_READER} if self._has_tools else {}),
        }

    @property
    def _has_tools(self) -> bool:
        return any("tools" in kind.parts for kind in self.kinds.values())


def _kind(shape: Shape, names: tuple[str, ...]) -> Kind:
    present = {
        part: [column for column in columns if column in names]
        for part, columns in shape.parts.items()
    }
    read = {column for columns in present.values() for column in columns}
    left = [c for c in names if c in CONTENT - read]
    known = left if shape.is_named else [c for c in names if c in shape.beside]
    return Kind(
        parts={part: columns for part, columns in present.items() if columns},
        unread=tuple(c for c in left if c not in known),
        labels=tuple(c for c in names if c in LABELS),
        known=tuple(known),
    )


def _is_ignored(row: Sample, value: Any) -> bool:
    """Whether a column holds text that is neither in what was read nor around it."""
    if value is None or value == "" or value == []:
        return False
    if not isinstance(value, str):
        return True
    texts = [row.text] if row.text is not None else [m.content for m in row.messages]
    value = value.strip()
    return not any(value in text or (text and text.strip() in value) for text in texts)


def _shown(row: Sample) -> dict[str, str]:
    parts = {"text": row.text} if row.text is not None else _parts_shown(row)
    return {"row_id": shortened(row.row_id), **{k: shortened(v) for k, v in parts.items() if v}}


def _parts_shown(row: Sample) -> dict[str, str]:
    system = next((m.content for m in row.messages if m.role == "system"), "")
    prompt = "\n".join(m.content for m in row.prompt_messages if m.role != "system")
    return {"system": system, "prompt": prompt, "completion": row.completion}


def shortened(text: str) -> str:
    """The text on one line, its middle left out where it is long."""
    line = " ".join(text[: 4 * WIDTH].split()) if len(text) > 8 * WIDTH else " ".join(text.split())
    if len(line) <= WIDTH and len(text) <= 8 * WIDTH:
        return line
    end = " ".join(text[-2 * WIDTH :].split())
    half = WIDTH // 2 - 2
    return f"{line[:half].rstrip()} ... {end[-half:].lstrip()}"


def reading_lines(summary: Mapping[str, Any]) -> list[str]:
    """The summary for a person: what was read, what was not, and two rows."""
    lines, how = [_counts_line(summary)], ReadOptions(whose=summary.get("whose", ""))
    flags = ", ".join(map(how.flag, ("prompt_column", "completion_column", "text_column")))
    for name, shape in summary["shapes"].items():
        of = shape["columns"]
        columns = ", ".join(f"{part} = {_joined(part, of[part])}" for part in PARTS if part in of)
        lines.append(f"  {name} ({shape['rows']} rows): {columns}")
        if shape["not_read"]:
            lines.append(f"    not read: {', '.join(shape['not_read'])}")
    for column, n in summary["ambiguous"].items():
        lines.append(
            f"  ambiguous: {n} rows also hold '{column}', which is not read; name the columns that "
            f"are meant ({flags}) if it should be"
        )
    for column, n in summary["labels_not_used"].items():
        lines.append(f"  {n} rows have a '{column}' that is neither a number nor a known word")
    lines += [f"  {n} malformed: {reason}" for reason, n in summary["reasons"].items()]
    for row in summary["rows_shown"]:
        lines += [f"  {name:>10}: {row[name]}" for name in OF_ROW if name in row]
    return lines


def _joined(part: str, columns: Sequence[str]) -> str:
    """Columns of a prompt are joined; of a system prompt and of generations one is read."""
    if len(columns) > 1 and part in ONE_OF:
        return f"one of {', '.join(columns)}"
    return " + ".join(columns)


def _counts_line(summary: Mapping[str, Any]) -> str:
    counts = [f"{summary[name]} {words}" for name, words in COUNTS.items() if summary[name]]
    whose = f" of the {summary['whose']}" if "whose" in summary else ""
    return f"read {summary['rows']} rows{whose}: {', '.join(counts) or 'none'}"
