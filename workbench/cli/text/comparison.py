"""What `workbench select compare` says to a person.

print_selections(compare_selections([drawn, drawn]))
"""

from __future__ import annotations

from string import ascii_uppercase
from typing import Any

import click

MOST_NAMES = 12
MOST_COLUMNS = 6
QUANTILES = {"mean": "mean", "q05": "5 %", "q25": "25 %", "q50": "median", "q75": "75 %"} | {
    "q95": "95 %"
}
BARS = " ▁▂▃▄▅▆▇█"


def print_selections(report: Any) -> None:
    """Who is compared, then overlap, lengths, scores and mixes, a column a selection."""
    chosen, pool = report["selections"], report["pool"]
    letters = _letters(len(chosen))
    for letter, one in zip(letters, chosen, strict=True):
        click.echo(f"{letter}  {one['name']}: {_how(one)}{one['n']} rows, {one['tokens']} tokens")
    joined = "" if pool["whole"] else ", joined by row id: the rows that all were drawn from"
    click.echo(f"pool of {pool['n']} rows{joined}")
    for letter, one in zip(letters, chosen, strict=True):
        if one["n_outside"]:
            click.echo(f"  {one['n_outside']} more rows of {letter} are outside and not counted")
    _print_overlap(report["pairs"], letters)
    _print_lengths(report, letters)
    _print_scores(report, letters)
    mixes = report["mixes"]
    for name in list(mixes)[:MOST_COLUMNS]:
        _print_mix(name, mixes[name], letters, [pool["n"], *(one["n"] for one in chosen)])
    if len(mixes) > MOST_COLUMNS:
        click.echo(f"more columns with --json: {', '.join(list(mixes)[MOST_COLUMNS:])}")


def _letters(n: int) -> list[str]:
    """A to Z, then A2 and on."""
    return [ascii_uppercase[i % 26] + (str(i // 26 + 1) if i >= 26 else "") for i in range(n)]


def _how(one: Any) -> str:
    words = [one["policy"], one["method"] and f"of {one['method']}", one["variant"]]
    words += ["free of length"] if one["adjust"] == "length" else []
    said = " ".join(filter(None, words))
    return f"{said}, " if said else ""


def _print_overlap(pairs: Any, letters: list[str]) -> None:
    click.echo(f"{'shared rows':<24} {'shared':>8} {'by chance':>20} {'Jaccard':>9} {'chance':>8}")
    for pair in pairs:
        chance = f"{pair['n_by_chance']:.0f} ({pair['n_chance_low']} to {pair['n_chance_high']})"
        click.echo(
            f"  {pair_name(letters, pair):<22} {pair['n_shared']:>8} {chance:>20} "
            f"{pair['jaccard']:>9.3f} {pair['jaccard_by_chance']:>8.3f}"
        )
    if alike := [pair_name(letters, pair) for pair in pairs if pair["same_numbers"]]:
        click.echo(f"  drawn with one seed, so with the same random numbers: {', '.join(alike)}")


def pair_name(letters: list[str], pair: Any) -> str:
    return f"{letters[pair['a']]} and {letters[pair['b']]}"


def _print_lengths(report: Any, letters: list[str]) -> None:
    click.echo(_line("tokens a row", ["pool", *letters]))
    columns = [report["pool"]["length"], *(one["length"] for one in report["selections"])]
    for key, name in QUANTILES.items():
        click.echo(_line(f"  {name}", [f"{column[key]:.0f}" for column in columns]))


def _print_scores(report: Any, letters: list[str]) -> None:
    chosen = report["selections"]
    click.echo(_line("its own score", letters))
    for key, name in QUANTILES.items():
        click.echo(_line(f"  {name}", [f"{one['score'][key]:.4g}" for one in chosen]))
    for letter, one in zip(letters, chosen, strict=True):
        bins = one["histogram"]
        click.echo(f"  {letter} |{_bars(bins['selected'])}| of the pool |{_bars(bins['pool'])}|")
    click.echo(_line("mean percentile", [f"by {letter}" for letter in letters]))
    for letter, row in zip(letters, report["percentiles"], strict=True):
        click.echo(_line(f"  rows of {letter}", [f"{100 * value:.0f}" for value in row]))


def _bars(counts: list[int]) -> str:
    """A histogram in characters; what is not empty is never blank."""
    most = max(1, *counts)
    return "".join(BARS[-(-8 * count // most)] for count in counts)


def _print_mix(title: str, mix: Any, letters: list[str], totals: list[int]) -> None:
    click.echo(_line(title, ["pool", *letters]))
    ordered = sorted(mix, key=lambda part: (-part["n_pool"], part["name"]))
    for part in ordered[:MOST_NAMES]:
        counts = [part["n_pool"], *part["n"]]
        cells = [f"{n} ({n / of:.1%})" for n, of in zip(counts, totals, strict=True)]
        click.echo(_line(f"  {part['name']}", cells))
    if len(ordered) > MOST_NAMES:
        click.echo(f"  and {len(ordered) - MOST_NAMES} more")


def _line(title: str, cells: list[str]) -> str:
    return f"{title[:24]:<24}" + "".join(f" {cell:>14}" for cell in cells)
