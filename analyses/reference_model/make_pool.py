"""Write the bundled pool `data/pools/generated.jsonl.gz`: held-out problems with known step counts.

    python analyses/reference_model/make_pool.py

Every problem is of the held-out tenth that training never draws from.
"""

from __future__ import annotations

import random
from pathlib import Path

from workbench.data import MAX_STEPS, is_held_out, make_problem, write_jsonl

PER_STEP = 250
OUT = Path(__file__).resolve().parents[2] / "data" / "pools" / "generated.jsonl.gz"


def main() -> None:
    rng = random.Random("pool 0")
    rows = {}
    for n_steps in range(1, MAX_STEPS + 1):
        n_before = len(rows)
        while len(rows) < n_before + PER_STEP:
            problem = make_problem(rng, n_steps=n_steps, n_distractors=rng.randint(0, 3))
            if is_held_out(problem.prompt):
                rows[problem.prompt] = problem.to_row()
    shuffled = list(rows.values())
    rng.shuffle(shuffled)
    write_jsonl(OUT, shuffled)


if __name__ == "__main__":
    main()
