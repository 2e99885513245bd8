"""The model card of an amplified model: what was changed, by how much, and how it was chosen.

text = model_card(summary)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.names import COMPONENTS, head_name
from workbench.reports.card import Section, base_model, card, model_front
from workbench.reports.table import markdown_table

MADE = "Made with circuit-workbench by Constructive Circuit Amplification (arXiv 2512.16914)."
WHAT = {
    "mask": "Only the rows of the components listed below differ from the base model; every other "
    "byte of its safetensors files is the same.",
    "no-mask": "A control: the same update on all query, key and value heads and all neurons.",
    "random": "A control: the same update on as many components of each kind, drawn at random.",
    "lora": "A control: LoRA on all linear layers, merged, trained on the same loss.",
}
UNCHANGED = "No step was better on the validation problems than none, so nothing was changed."
CHOSEN = (
    "Greedy decoding of problems that nothing else was done with; the best step was kept, so the "
    "second number is an optimistic one."
)
COLUMNS = ("what", "value")
Record = Mapping[str, Any]


def model_card(summary: Record) -> str:
    """The text of the model's README.md, from the content of `update.json`."""
    base = summary["base"]
    what = WHAT[summary["options"]["variant"]] if summary["best"]["step"] else UNCHANGED
    return card(
        model_front(base),
        f"{base['id']}, amplified",
        [MADE, what],
        base_model(base, COLUMNS),
        Section("Changed", [markdown_table(COLUMNS, _changed(summary))]),
        Section("Update", [markdown_table(COLUMNS, _update(summary))]),
        Section("Validation", [CHOSEN, markdown_table(COLUMNS, _chosen(summary["validation"]))]),
        Section("Licence", ["That of the base model."]),
    )


def _changed(summary: Record) -> list[tuple[str, str]]:
    """How much, then the changed heads by name, and neurons by their number in each layer."""
    return [
        ("components", f"{summary['n_components']} ({summary['share_components']:.3%})"),
        ("values", f"{summary['n_values']} ({summary['share_values']:.3%})"),
        *(
            (COMPONENTS[kind], _places(kind, places))
            for kind, places in (summary["components"] or {}).items()
            if places
        ),
    ]


def _places(kind: str, places: Sequence[Sequence[int]]) -> str:
    if kind != "neuron":
        return ", ".join(head_name(*place) for place in places)
    layers = sorted({layer for layer, _ in places})
    return ", ".join(f"{sum(p[0] == layer for p in places)} in layer {layer}" for layer in layers)


def _update(summary: Record) -> list[tuple[str, Any]]:
    options, best = summary["options"], summary["best"]
    return [
        ("variant", options["variant"]),
        ("steps kept", f"{best['step']} of {options['steps']}"),
        ("step size", f"{best['lr']:g}"),
        ("examples a step", options["batch_size"]),
        ("pivotal tokens", summary["n_examples"]),
        ("seed", options["seed"]),
    ]


def _chosen(validation: Record) -> list[tuple[str, Any]]:
    return [
        ("problems", validation["n"]),
        ("right before", f"{validation['before']:.1%}"),
        ("right after", f"{validation['after']:.1%}"),
    ]
