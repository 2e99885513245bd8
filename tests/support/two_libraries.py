"""One tiny model and its importance, to be found the same by every TransformerLens.

    python -m tests.support.two_libraries    # writes the fixture anew

The fixture holds the weights, so that it does not depend on any random number generator.
"""

from __future__ import annotations

import json
import shutil
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from workbench.ablation import iter_importance
from workbench.engines import HookedEngine
from workbench.models import Model, Rendered, load_model

try:
    from transformer_lens import HookedTransformer
except ImportError:
    HookedTransformer = None

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "two-libraries"
IMPORTANCE = FIXTURE / "importance.json"

needs_hooked_transformer = pytest.mark.skipif(
    HookedTransformer is None,
    reason="TransformerLens 4 has no HookedTransformer; make test-tl3 runs this with 3.9",
)
# The configuration of the fixture as TransformerLens writes it.
FIXTURE_CFG = {
    "n_layers": 3,
    "d_model": 32,
    "d_head": 8,
    "n_heads": 4,
    "n_key_value_heads": 2,
    "d_mlp": 48,
    "n_ctx": 96,
    "d_vocab": 260,
    "act_fn": "silu",
    "eps": 1e-6,
    "normalization_type": "RMS",
    "final_rms": True,
    "gated_mlp": True,
    "positional_embedding_type": "rotary",
    "rotary_dim": 8,
    "rotary_adjacent_pairs": False,
    "init_weights": False,
}


def stored_rows() -> list[Rendered]:
    """Rows of the fixture: token ids, the last third of each counted."""
    rows = []
    for ids in json.loads(IMPORTANCE.read_text(encoding="utf-8"))["rows"]:
        parts = np.ones(len(ids), dtype=np.int8)
        parts[2 * len(ids) // 3 :] = 2
        rows.append(Rendered(ids=tuple(ids), parts=parts, is_text=False))
    return rows


def importance(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Base loss of every row, and the increase with each head uniform."""
    rows = stored_rows()
    (batch,) = iter_importance(HookedEngine(model), rows, batches=[range(len(rows))])
    return batch.base_loss, batch.deltas


def main() -> None:
    """Write weights, rows and importance."""
    from tests.support.checkpoints import write_checkpoint

    shutil.rmtree(FIXTURE, ignore_errors=True)
    write_checkpoint("llama", FIXTURE, chat=False)
    rng = np.random.default_rng(0)
    rows = [rng.integers(4, 260, length).tolist() for length in (18, 25, 31)]
    content = {"transformer_lens": metadata.version("transformer_lens"), "rows": rows}
    IMPORTANCE.write_text(json.dumps(content), encoding="utf-8")
    base_loss, deltas = importance(load_model(str(FIXTURE), device="cpu"))
    content |= {"base_loss": base_loss.tolist(), "deltas": deltas.tolist()}
    IMPORTANCE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
