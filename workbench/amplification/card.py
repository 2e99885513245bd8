"""The model card of an amplified model: what was changed, by how much, and how it was chosen.

text = model_card(summary)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

WHAT = {
    "mask": "Only the rows of the components listed below differ from the base model; every other "
    "byte of its safetensors files is the same.",
    "no-mask": "A control: the same update on all query, key and value heads and all neurons.",
    "random": "A control: the same update on as many components of each kind, drawn at random.",
    "lora": "A control: LoRA on all linear layers, merged, trained on the same loss.",
}


def model_card(summary: Mapping[str, Any]) -> str:
    """The text of the model's README.md, from the content of `update.json`."""
    base, options, best = summary["base"], summary["options"], summary["best"]
    how = [
        ("variant", options["variant"]),
        ("steps kept", f"{best['step']} of {options['steps']}"),
        ("step size", f"{best['lr']:g}"),
        ("examples a step", options["batch_size"]),
        ("pivotal tokens", summary["n_examples"]),
        ("seed", options["seed"]),
    ]
    chosen = [
        ("problems", summary["validation"]["n"]),
        ("right before", f"{summary['validation']['before']:.1%}"),
        ("right after", f"{summary['validation']['after']:.1%}"),
    ]
    changed = [
        ("components", f"{summary['n_components']} ({summary['share_components']:.3%})"),
        ("values", f"{summary['n_values']} ({summary['share_values']:.3%})"),
    ]
    parts = [
        _front_matter(base),
        f"# {inline(base['id'])}, amplified\n",
        "Made with circuit-workbench by Constructive Circuit Amplification (arXiv 2512.16914).\n",
        f"{WHAT[options['variant']] if best['step'] else UNCHANGED}\n",
        "## Base model\n",
        _table([(key, base[key]) for key in ("id", "revision", "weights_sha256") if base[key]]),
        "## Changed\n",
        _table([*changed, *_components(summary)]),
        "## Update\n",
        _table(how),
        "## Validation\n",
        "Greedy decoding of problems that nothing else was done with; the best step was kept, so "
        "the second number is an optimistic one.\n",
        _table(chosen),
        "## Licence\n",
        "That of the base model.\n",
    ]
    return "\n".join(parts)


UNCHANGED = "No step was better on the validation problems than none, so nothing was changed."


def _components(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The changed heads by name; neurons by their number in each layer."""
    rows = []
    for kind, places in (summary["components"] or {}).items():
        if kind != "neuron" and places:
            rows.append((f"{kind} heads", ", ".join(f"{layer}.{i}" for layer, i in places)))
        elif places:
            layers = sorted({layer for layer, _ in places})
            counts = [f"{sum(p[0] == layer for p in places)} in layer {layer}" for layer in layers]
            rows.append(("neurons", ", ".join(counts)))
    return rows


def _front_matter(base: Mapping[str, Any]) -> str:
    lines = ["---", "library_name: transformers", "pipeline_tag: text-generation"]
    if base["revision"]:
        lines.append(f"base_model: {json.dumps(base['id'])}")
    return "\n".join([*lines, "tags:", '  - "circuit-workbench"', "---\n"])


def inline(value: Any) -> str:
    """`value` on one line, without the characters that Markdown or HTML would act on."""
    text = re.sub(r"\s+", " ", str(value)).strip()
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", text)


def _table(rows: list[tuple[str, Any]]) -> str:
    lines = [("what", "value"), ("---", "---"), *((inline(k), inline(v)) for k, v in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
