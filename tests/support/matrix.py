"""One row of the architecture matrix: an architecture held against plain Hugging Face eager code.

The reference shares nothing with the workbench or TransformerLens: an attention function of its own
inside the Hugging Face model, where visible keys are those the model's own mask leaves open.

    row = matrix_row("mistral", folder, model)
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    AutoConfig,
    AutoModelForCausalLM,
)
from transformers.masking_utils import eager_mask

from workbench.ablation import ablated_heads, iter_importance
from workbench.engines import Engine, HookedEngine, choose_engine
from workbench.models import (
    Model,
    Rendered,
    hooks,
    outputs_hook,
    running_mean,
    values_hook,
)
from workbench.scoring import score_batch
from workbench.types import Head

REFERENCE = "workbench_tests_eager"
LENGTHS = (20, 13, 16)  # longer than the tiny models' sliding window of 7
HEADS = (Head(0, 1), Head(0, 2), Head(1, 3), Head(2, 0))
TOLERANCE = 2e-5


class Reference:
    """The Hugging Face model with heads made uniform by attention written out for the tests."""

    def __init__(self, folder: Path) -> None:
        AttentionInterface.register(REFERENCE, self._attend)
        AttentionMaskInterface.register(REFERENCE, eager_mask)
        self.model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=REFERENCE)
        self.heads: Sequence[Head] = ()
        self.patterns: dict[int, torch.Tensor] = {}

    def _attend(
        self,
        module: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor,
        *,
        scaling: float | None = None,
        softcap: float | None = None,
        **_: Any,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        shared = query.shape[1] // key.shape[1]
        key, value = (x.repeat_interleave(shared, dim=1) for x in (key, value))
        scores = query @ key.mT * (query.shape[-1] ** -0.5 if scaling is None else scaling)
        if softcap is not None:
            scores = softcap * torch.tanh(scores / softcap)
        visible = attention_mask == 0
        pattern = scores.masked_fill(~visible, -1e30).softmax(dim=-1) * visible
        uniform = (visible / visible.sum(dim=-1, keepdim=True).clamp(min=1))[:, 0]
        for layer, head in self.heads:
            if layer == module.layer_idx:
                pattern[:, head] = uniform
        self.patterns[module.layer_idx] = pattern
        return (pattern @ value).transpose(1, 2).contiguous(), pattern

    def logits(
        self, ids: torch.Tensor, heads: Sequence[Head] = (), mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        self.heads = heads
        positions = {} if mask is None else {"position_ids": (mask.cumsum(-1) - 1).clamp(min=0)}
        with torch.no_grad():
            return self.model(ids, attention_mask=mask, use_cache=False, **positions).logits


def token_ids(n_rows: int = len(LENGTHS)) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(4, 260, (n_rows, max(LENGTHS)), generator=generator)


def padding_masks() -> dict[str, torch.Tensor]:
    """1 for a token, 0 for padding: none, on the right, on the left."""
    place = torch.arange(max(LENGTHS))
    length = torch.tensor(LENGTHS)[:, None]
    return {
        "none": torch.ones(len(LENGTHS), max(LENGTHS), dtype=torch.long),
        "right": (place < length).long(),
        "left": (place >= max(LENGTHS) - length).long(),
    }


def by_pattern(model: Model, mask: torch.Tensor) -> Any:
    """Uniform by replacing `hook_pattern`."""
    padded_left = not bool(mask[:, 0].all())
    return ablated_heads(model, HEADS, real=mask.bool() if padded_left else None)


def by_scores(model: Model, mask: torch.Tensor) -> Any:
    """Uniform by scaling the scores before the softmax to nothing."""

    def shrink(heads: list[int]) -> Callable:
        def hook_function(scores: torch.Tensor, hook: Any) -> torch.Tensor:
            scores = scores.clone()
            for head in heads:
                visible = scores[:, head] > -1e9  # masked scores are far below any real one
                scores[:, head] = torch.where(visible, scores[:, head] * 1e-10, scores[:, head])
            return scores

        return hook_function

    name = "blocks.{}.attn.hook_attn_scores"
    return hooks(model, [(name.format(layer), shrink(heads)) for layer, heads in _by_layer()])


def by_values(model: Model, mask: torch.Tensor) -> Any:
    """Uniform by the running mean of the values, no pattern needed."""
    added: list[tuple[str, Callable]] = []
    for layer, heads in _by_layer():
        seen: dict[str, torch.Tensor] = {}

        def keep(values: torch.Tensor, hook: Any, seen: dict = seen) -> None:
            split = values.reshape(*mask.shape, -1, model.hooked.cfg.d_head)
            shared = model.n_heads // split.shape[2]
            seen["values"] = split.repeat_interleave(shared, dim=2)

        def replace(
            z: torch.Tensor, hook: Any, seen: dict = seen, heads: list = heads, layer: int = layer
        ) -> torch.Tensor:
            shape, z = z.shape, z.clone().reshape(*mask.shape, model.n_heads, -1)
            window = model.windows[layer]
            means = running_mean(seen["values"], window=window, real=mask.bool())
            z[:, :, heads] = means[:, :, heads]
            return z.reshape(shape)

        values, z = values_hook(model.hooked, layer), outputs_hook(model.hooked, layer)
        added += [(values, keep), (z, replace)]
    return hooks(model, added)


def _by_layer() -> list[tuple[int, list[int]]]:
    layers = sorted({layer for layer, _ in HEADS})
    return [(layer, [h.head for h in HEADS if h.layer == layer]) for layer in layers]


FORMS: dict[str, Callable[[Model, torch.Tensor], Any]] = {
    "pattern": by_pattern,
    "scores": by_scores,
    "values": by_values,
}


def uniform_difference(model: Model, reference: Reference, form: str, padding: str) -> float:
    """Largest difference of real tokens' logits with all HEADS uniform, from the reference."""
    ids, mask = token_ids(), padding_masks()[padding]
    expected = reference.logits(ids, HEADS, mask)
    # The workbench passes no mask for what is padded on the right: no real token looks there.
    masked = {"attention_mask": mask} if padding == "left" else {}
    with FORMS[form](model, mask), torch.no_grad():
        logits = model.hooked(ids, return_type="logits", **masked)
    return float((logits - expected)[mask.bool()].abs().max())


def rendered_rows() -> list[Rendered]:
    """Random tokens of the test lengths, the last third of each the completion."""
    rows = []
    for ids, length in zip(token_ids(), LENGTHS, strict=True):
        parts = np.ones(length, dtype=np.int8)
        parts[2 * length // 3 :] = 2
        rows.append(Rendered(ids=tuple(ids[:length].tolist()), parts=parts, is_text=False))
    return rows


def importance_difference(model: Model, reference: Reference) -> float:
    """Largest difference of any head's loss increase on any row from the plain loop."""
    rows = rendered_rows()
    (measured,) = iter_importance(HookedEngine(model), rows, batches=[range(len(rows))])
    plain = np.array(
        [
            [
                [plain_loss(reference, row, [Head(layer, head)]) for head in range(model.n_heads)]
                for layer in range(model.n_layers)
            ]
            for row in rows
        ]
    )
    base = np.array([plain_loss(reference, row, []) for row in rows])
    worst_base = np.abs(measured.base_loss - base).max()
    return float(max(worst_base, np.abs(measured.deltas - (plain - base[:, None, None])).max()))


def plain_loss(reference: Reference, row: Rendered, heads: Sequence[Head]) -> float:
    """Mean cross-entropy of the completion, one row a pass, all logits, nothing saved."""
    ids, counted = torch.tensor([row.ids]), torch.from_numpy(row.counted("completion"))[1:]
    losses = cross_entropy(reference.logits(ids, heads)[0, :-1], ids[0, 1:], reduction="none")
    return float(losses[counted].double().mean())


def score_difference(engine: Engine, reference: Reference) -> float:
    """Largest difference of T^2 times the CircuitSeer score from the one by `output_attentions`."""
    worst = 0.0
    rows = rendered_rows()
    measured = score_batch(engine, HEADS, rows, part="prompt")
    for row, found in zip(rows, measured, strict=True):
        n = row.prompt_length
        reference.logits(torch.tensor([row.ids[:n]]))
        received = sum(
            reference.patterns[layer][0, head].double().mean(dim=0) for layer, head in HEADS
        ) / len(HEADS)
        expected = float(((received - 1 / n) ** 2).mean())
        worst = max(worst, n**2 * abs(found["paper"] - expected))
    return worst


NOTES = {
    "gpt2": "learned positions, one projection for q, k and v",
    "neox": "rotary positions on a part of each head, attention beside the MLP (Pythia)",
    "llama": "grouped-query attention",
    "mistral": "sliding window of 7 in every layer, texts of 20 tokens",
    "qwen2": "grouped-query attention, biases on q, k and v",
    "qwen3": "q and k normalised head by head",
    "gemma2": "scores and logits capped, every other layer windowed",
    "gemma3": "q and k normalised, windowed layers with a rotary base of their own",
    "olmo2": "q and k normalised over all heads at once",
    "phi3": "one projection for q, k and v, one for the MLP",
    "gemma": "one key/value head for all",
    "olmo": "norms without weights, queries, keys and values clipped",
    "olmo3": "q and k normalised, windowed layers",
    "phi": "rotary positions on a half of each head, attention beside the MLP",
    "smollm3": "a layer without rotary positions",
    "stablelm": "rotary positions on a quarter of each head",
    "granite": "embedding, scores, residuals and logits multiplied by factors of their own",
    "cohere": "attention beside the MLP, logits multiplied",
    "cohere2": "the same, two of three layers windowed and only those with rotary positions",
    "neo": "attention stays with the Hugging Face module",
    "gptoss": "a learned sink beside the keys, experts, every other layer windowed",
    "bloom": "ALiBi",
    "mpt": "ALiBi",
    "deepseek3": "multi-head latent attention, experts",
    "gptj": "attention stays with the Hugging Face module",
    "opt": "attention stays with the Hugging Face module",
}
TITLES = (
    "architecture",
    "of note",
    "uniform by pattern = scores = values",
    "padded right and left",
    "importance = plain loop",
    "scores = `output_attentions`",
    "fused engine = same scores",
)
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "models.md"
BEGIN, END = "<!-- matrix: python -m tests.support.matrix -->\n", "<!-- end of matrix -->\n"


def agreeing_row(name: str, folder: Path, model: Model) -> list[str]:
    """The row of an architecture that can be worked on; "no" where figures differ."""
    reference = Reference(folder)

    def word(*differences: float) -> str:
        return "yes" if max(differences) < TOLERANCE else "no"

    by_form = {
        padding: [uniform_difference(model, reference, form, padding) for form in FORMS]
        for padding in padding_masks()
    }
    return [
        f"{name}: `{model.facts['architecture']}`",
        NOTES[name],
        word(*by_form["none"]),
        word(*by_form["right"], *by_form["left"]),
        word(importance_difference(model, reference)),
        word(score_difference(HookedEngine(model), reference)),
        fused_word(model, reference, word),
    ]


def fused_word(model: Model, reference: Reference, word: Callable[..., str]) -> str:
    """Whether the fused engine's scores are the reference's, or that its own check refuses it."""
    engine = choose_engine(model)
    if engine.name != "fused":
        return "refused, hooked runs"
    return word(score_difference(engine, reference))


def refused_row(name: str, folder: Path, refusal: str) -> list[str]:
    """The row of an architecture that is refused, with the reason as the user reads it."""
    architecture = AutoConfig.from_pretrained(folder).architectures[0]
    reason = refusal.partition("cannot be used: ")[2].partition(";")[0]
    return [f"{name}: `{architecture}`", NOTES[name], f"refused: {reason}", *4 * ["-"]]


def table_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def documented_rows() -> dict[str, str]:
    """Architecture to its line in `docs/models.md`."""
    table = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    return {line[2:].partition(":")[0]: line for line in table.splitlines(keepends=True)[2:]}


def main() -> None:
    """Write the table of `docs/models.md` anew."""
    from tests.support.checkpoints import write_checkpoint
    from workbench.errors import ModelRefusedError
    from workbench.models import load_model

    lines = [table_line(TITLES), table_line(["---"] * len(TITLES))]
    for name in NOTES:
        with tempfile.TemporaryDirectory() as scratch:
            folder = write_checkpoint(name, Path(scratch) / name)
            try:
                row = agreeing_row(name, folder, load_model(str(folder), device="cpu"))
            except ModelRefusedError as err:
                row = refused_row(name, folder, str(err))
        lines.append(table_line(row))
    text = DOCUMENT.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    DOCUMENT.write_text(before + BEGIN + "".join(lines) + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
