"""Pools of millions of short rows, as `score` reads them and `export` writes them.

pool = write_pool(settings.work / "pool-1000.jsonl", 1000)
"""

from __future__ import annotations

from pathlib import Path

AT_ONCE = 50_000


def write_pool(path: Path, n_rows: int) -> Path:
    """Questions with answers, about 90 bytes a row; what is there already is kept."""
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    with aside.open("w", encoding="utf-8") as file:
        for start in range(0, n_rows, AT_ONCE):
            file.writelines(map(_line, range(start, min(start + AT_ONCE, n_rows))))
    return aside.rename(path)


def _line(i: int) -> str:
    a, b = i % 997, i % 89
    question = f"What is {a} plus {b}?"
    return f'{{"id": "row-{i:08d}", "question": "{question}", "answer": "It is {a + b}."}}\n'
