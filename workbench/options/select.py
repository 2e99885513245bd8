"""What a subset is drawn by, and the form it is written in.

SelectOptions("soft", fraction=0.1)
ExportOptions(format="messages")
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.errors import InputError
from workbench.options.record import check_options, option

POLICIES = ("soft", "top", "bottom", "random", "length-matched")
ADJUSTED = ("none", "length")
COMBINED = ("rank-mean", "product", "max")
FORMATS = ("jsonl", "parquet", "prompt-completion", "messages", "alpaca", "sharegpt")
FILES = ("jsonl", "parquet")
FORMS = ("subset", "repeat-weight")
TURNS = ("last", "all")


@dataclass(frozen=True)
class SelectOptions:
    """Options of `workbench select`; see `workbench.selection.select`.

    `keep` and `drop` are row ids chosen by hand.
    """

    policy: str = option(
        "soft",
        "soft: drawn by the score's size; top, bottom: by rank; random: any; length-matched: any, "
        "as long as the top.",
        choices=POLICIES,
    )
    fraction: float | None = option(None, "Share of the pool.", low=0, high=1, open_low=True)
    n: int | None = option(None, "Number of rows.", low=1)
    tokens: int | None = option(None, "Token budget.", low=1)
    temperature: float = option(1.0, "Of soft sampling.", low=0, open_low=True)
    adjust: str = option(
        "none",
        "length: draw by score_within_length. Several of length, loss, source and other columns of "
        "the scores, by commas: by the percentile among rows alike in all of them.",
        metavar="COLUMNS",
    )
    group_by: str | None = option(None, "Spread over groups; also length_bin.", metavar="COLUMN")
    quota: tuple[str, ...] = option(
        (),
        "How much of the budget a group gets; the others share the rest; repeatable.",
        metavar="COLUMN=VALUE:COUNT",
        many=True,
    )
    max_per_group: int | None = option(
        None, "Take at most so many rows of each group of --group-by.", low=1
    )
    near_duplicates: float | None = option(
        None,
        "Of rows whose texts are at least so alike (estimated Jaccard index of their runs of five "
        "words) only the policy's first stays.",
        low=0.5,
        high=1,
        metavar="LIKENESS",
    )
    seed: int = option(0, "Of the draw.")
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_options(self)
        alike_in(self.adjust)


def alike_in(adjust: str) -> tuple[str, ...]:
    """The names in `adjust`, none for "none"; InputError where they cannot be had together."""
    names = tuple(name.strip() for name in adjust.split(","))
    if names == ("none",):
        return ()
    if "" in names or "none" in names or len(set(names)) < len(names):
        raise InputError(
            f"adjust is '{adjust}'",
            expected="none, length, or different columns by commas, such as length,loss,source",
            do="pass another --adjust",
        )
    return names


@dataclass(frozen=True)
class PushOptions:
    """Where a written export goes as well."""

    push_to_hub: str | None = option(
        None, "Upload it as a dataset of the Hugging Face hub, a private one.", metavar="ORG/NAME"
    )
    public: bool = option(False, "Make the dataset on the hub public.")

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True)
class CombineOptions:
    """How several score tables become one: over each row's percentile ranks in them."""

    combine: str = option(
        "rank-mean",
        "Of several --scores: the mean, product or maximum of a row's percentile ranks.",
        choices=COMBINED,
    )

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True)
class ExportOptions:
    """The row shape and file type of an export, and whether it holds the subset or the pool."""

    format: str = option("jsonl", "Row shape, and type of the file.", choices=FORMATS)
    form: str = option(
        "subset",
        "repeat-weight: the whole pool, with _repeat 2 for selected rows.",
        choices=FORMS,
        flag="--as",
    )
    file_type: str | None = option(
        None, "Type of the data file; default: parquet for parquet.", choices=FILES, flag="--file"
    )
    turns: str = option(
        "last", "Answers of a conversation that trainers are told to learn.", choices=TURNS
    )
    license: str = option("unknown", "Of the rows, for the card, as Hugging Face spells it.")
    language: str | None = option(None, "Of the rows, for the card: en.", metavar="CODE")

    def __post_init__(self) -> None:
        check_options(self)
