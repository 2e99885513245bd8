"""The architecture matrix of docs/models.md: each architecture held against its reference.

row = agreeing_row("mistral", folder, model)
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from transformers import AutoConfig

from tests.support.eager_reference import (
    TOLERANCE,
    Reference,
    importance_difference,
    padding_masks,
    score_difference,
)
from tests.support.uniform_forms import FORMS, uniform_difference
from workbench.engines import HookedEngine, choose_engine
from workbench.models import Model

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
