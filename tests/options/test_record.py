"""One option said once: records read off a dataclass, and values held against them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from workbench.errors import InputError
from workbench.options import check_options, option, records


@dataclass(frozen=True)
class Asked:
    n: int = option(300, "Number of samples.", low=1)
    share: float | None = option(None, "A share.", low=0, high=1, open_low=True)
    rule: str = option("fast", "How.", choices=("fast", "slow"), flag="--how")
    lrs: tuple[float, ...] = option((1e-4,), "Steps.", low=0, open_low=True, many=True)
    loud: bool = option(False, "Say more.")
    hidden: int = 3

    def __post_init__(self) -> None:
        check_options(self)


def test_records_follow_the_dataclass():
    found = records(Asked)
    assert [r.name for r in found] == ["n", "share", "rule", "lrs", "loud"]
    assert [r.flag for r in found] == ["--n", "--share", "--how", "--lrs", "--loud"]
    assert [r.kind for r in found] == [int, float, str, float, bool]
    assert [r.default for r in found] == [300, None, "fast", (1e-4,), False]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"n": 0}, "n is 0, expected a whole number from 1 on; pass another --n"),
        ({"share": 0.0}, "expected a finite number above 0 and at most 1"),
        ({"share": float("nan")}, "expected a finite number"),
        ({"rule": "slowly"}, "expected one of fast, slow; pass another --how"),
        (
            {"lrs": (1e-3, -1.0)},
            "one of the lrs is -1.0, expected a finite number above 0; pass another --lrs",
        ),
    ],
)
def test_a_value_out_of_bounds_is_refused_with_its_bounds(given, said):
    with pytest.raises(InputError) as caught:
        Asked(**given)
    assert said in str(caught.value)


def test_bounds_themselves_are_allowed_where_they_are_closed():
    assert Asked(n=1, share=1.0, rule="slow", lrs=(1.0, 2.0)).share == 1.0
