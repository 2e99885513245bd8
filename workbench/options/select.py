"""What a subset is drawn by, and the form it is written in.

SelectOptions("soft", fraction=0.1)
ExportOptions(format="messages")
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.options.record import check_options, option

POLICIES = ("soft", "top", "bottom", "random", "length-matched")
ADJUSTED = ("none", "length")
COMBINED = ("rank-mean", "product", "max")
FORMATS = ("jsonl", "parquet", "prompt-completion", "messages", "alpaca", "sharegpt")
FILES = ("jsonl", "parquet")
FORMS = ("subset", "repeat-weight")


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
    adjust: str = option("none", "length: draw by score_within_length.", choices=ADJUSTED)
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
    seed: int = option(0, "Of the draw.")
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()

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
    license: str = option("unknown", "Of the rows, for the card, as Hugging Face spells it.")
    language: str | None = option(None, "Of the rows, for the card: en.", metavar="CODE")

    def __post_init__(self) -> None:
        check_options(self)
