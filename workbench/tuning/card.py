"""The model card of a tuned model: what it was made from and how; names and numbers only.

text = model_card(summary)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

WEIGHTED = (
    "Tokens of the completion count by the influence of their step (AIR, arXiv 2512.13279): each "
    "has the weight of its step, and the mean weight of a row is 1."
)
PLAIN = "All tokens of the completion count alike."
END = "The token that ends the answer is learnt as well, with weight 1."


def model_card(summary: Mapping[str, Any]) -> str:
    """The text of the model's README.md, from the run's summary."""
    base, data, loss = summary["base"], summary["data"], summary["loss"]
    options = summary["options"]
    how = [
        ("trained", _trained(options)),
        ("rows", data["counts"]["ok"]),
        ("target tokens", data["n_targets"]),
        ("steps", loss["n_steps"]),
        ("rows a step", options["batch_size"] * options["accumulate"]),
        ("learning rate", f"{summary['learning_rate']:g}, {options['schedule']}"),
        ("weight decay", f"{options['weight_decay']:g}"),
        ("token weights", weights_in_words(data)),
        ("dtype", summary["dtype"]),
        ("template", summary["template"]),
        ("seed", options["seed"]),
    ]
    selected = [(key, value) for key, value in data["selection"].items() if value is not None]
    curve = [
        ("first step", f"{loss['first']:.4f}"),
        ("mean of the first tenth", f"{loss['first_tenth']:.4f}"),
        ("mean of the last tenth", f"{loss['last_tenth']:.4f}"),
        ("last step", f"{loss['last']:.4f}"),
    ]
    parts = [
        _front_matter(base),
        f"# {inline(base['id'])}, tuned on {inline(data['name'])}\n",
        "A fine-tuned model made with circuit-workbench and TRL's SFTTrainer.\n",
        "## Base model\n",
        _table([(key, base[key]) for key in ("id", "revision", "weights_sha256") if base[key]]),
        "## Data\n",
        _table([("export", data["name"]), ("data_sha256", data["data_sha256"]), *selected]),
        "## Training\n",
        _table(how),
        f"{WEIGHTED if data['weights'] != 'plain' else PLAIN}"
        f"{' ' + END if options['end_token'] else ''}\n",
        "## Loss\n",
        "In nats a target token, on the rows trained on.\n",
        _table(curve),
        "## Licence\n",
        "That of the base model; the rows keep the licences of the sources they came from.\n",
    ]
    return "\n".join(parts)


def weights_in_words(data: Mapping[str, Any]) -> str:
    """Which weights counted and by which rule they were made, as far as that is known."""
    if data["weights"] == "plain":
        return "1 everywhere"
    rule = ", ".join(
        value if name == "name" else f"{name} {value:g}"
        for name, value in sorted((data["rule"] or {}).items())
    )
    if data["weights"] == "file":
        return f"as in the steps file{f' ({rule})' if rule else ''}"
    return rule


def _trained(options: Mapping[str, Any]) -> str:
    if not options["lora"]:
        return "all weights"
    return f"LoRA, rank {options['lora_rank']}, alpha {options['lora_alpha']:g}, merged"


def _front_matter(base: Mapping[str, Any]) -> str:
    lines = ["---", "library_name: transformers", "pipeline_tag: text-generation"]
    if base["revision"]:
        lines.append(f"base_model: {json.dumps(base['id'])}")
    return "\n".join([*lines, "tags:", '  - "circuit-workbench"', '  - "sft"', "---\n"])


def inline(value: Any) -> str:
    """`value` on one line, without the characters that Markdown or HTML would act on."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    text = re.sub(r"\s+", " ", text).strip()
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", text)


def _table(rows: list[tuple[str, Any]]) -> str:
    lines = [("setting", "value"), ("---", "---"), *((inline(k), inline(v)) for k, v in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
