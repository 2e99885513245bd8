"""The scores of rows that are no near duplicates: of those that are, the policy's first stays.

distinct, facts = without_near_duplicates(scores, signatures, order_of, least=0.8)
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int64, UInt32

from workbench.errors import InputError
from workbench.selection.near_duplicates import stand_ins
from workbench.selection.pool import read_pool
from workbench.selection.signatures import N_PLACES, N_WORDS, standard_error

NEAR = "near_duplicate"
OrderOf = Callable[[pd.DataFrame], Int64[np.ndarray, " sample"]]


def without_near_duplicates(
    scores: pd.DataFrame,
    signatures: UInt32[np.ndarray, "row place"] | None,
    order_of: OrderOf,
    *,
    least: float,
    adjust: str = "none",
    keep: Collection[str] = (),
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The scores with the status `near_duplicate` where an earlier row stays, and what was found.

    `signatures` stand row for row with `scores`. Earlier in the order that `order_of` gives to a
    pool; rows kept by hand stay, and come before all others.
    """
    if signatures is None or len(signatures) != len(scores):
        n = "none" if signatures is None else len(signatures)
        raise InputError(
            f"near duplicates were to be left out, and the signatures of texts are {n}",
            expected=f"{len(scores)}, one a row of scores",
            do="pass signatures",
        )
    table = read_pool(scores, adjust=adjust)
    order = order_of(table)
    is_kept = table["row_id"].isin(list(set(keep))).to_numpy()[order]
    rows = table.index.to_numpy()[np.concatenate([order[is_kept], order[~is_kept]])]
    stays_for = stand_ins(signatures, rows, least=least, n_kept=int(is_kept.sum()))
    is_out = np.zeros(len(scores), dtype=bool)
    is_out[rows[stays_for != rows]] = True
    facts = {
        "likeness": least,
        "left_out": int(is_out.sum()),
        "stay_for_them": len(np.unique(stays_for[stays_for != rows])),
        "standard_error": round(standard_error(least), 4),
        "permutations": N_PLACES,
        "words": N_WORDS,
    }
    return scores.assign(status=scores["status"].astype(str).mask(is_out, NEAR)), facts
