"""The model card of a tuned model: what it was made from and how; names and numbers only.

text = model_card(summary)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.reports.card import Section, base_model, card, model_front
from workbench.reports.table import markdown_table

WEIGHTED = (
    "Tokens of the completion count by the influence of their step (AIR, arXiv 2512.13279): each "
    "has the weight of its step, and the mean weight of a row is 1."
)
PLAIN = "All tokens of the completion count alike."
END = "The token that ends the answer is learnt as well, with weight 1."
LICENCE = "That of the base model; the rows keep the licences of the sources they came from."
COLUMNS = ("setting", "value")
Record = Mapping[str, Any]


def model_card(summary: Record) -> str:
    """The text of the model's README.md, from the run's summary."""
    base, data = summary["base"], summary["data"]
    weights = PLAIN if data["weights"] == "plain" else WEIGHTED
    weights += f" {END}" if summary["options"]["end_token"] else ""
    loss = "In nats a target token, on the rows trained on."
    return card(
        model_front(base, "sft"),
        f"{base['id']}, tuned on {data['name']}",
        ["A fine-tuned model made with circuit-workbench and TRL's SFTTrainer."],
        base_model(base, COLUMNS),
        Section("Data", [markdown_table(COLUMNS, _data(data))]),
        Section("Training", [markdown_table(COLUMNS, _training(summary)), weights]),
        Section("Loss", [loss, markdown_table(COLUMNS, _curve(summary["loss"]))]),
        *_held_out(summary.get("eval")),
        Section("Licence", [LICENCE]),
    )


def _data(data: Record) -> list[tuple[str, Any]]:
    selected = [(key, value) for key, value in data["selection"].items() if value is not None]
    return [("export", data["name"]), ("data_sha256", data["data_sha256"]), *selected]


def _training(summary: Record) -> list[tuple[str, Any]]:
    options, data = summary["options"], summary["data"]
    return [
        ("trained", _trained(options)),
        ("rows", data["counts"]["ok"]),
        ("target tokens", data["n_targets"]),
        ("steps", summary["loss"]["n_steps"]),
        ("rows a step", options["batch_size"] * options["accumulate"]),
        ("learning rate", f"{summary['learning_rate']:g}, {options['schedule']}"),
        ("weight decay", f"{options['weight_decay']:g}"),
        ("token weights", weights_in_words(data)),
        ("dtype", summary["dtype"]),
        ("template", summary["template"]),
        ("seed", options["seed"]),
    ]


def _curve(loss: Record) -> list[tuple[str, str]]:
    return [
        ("first step", f"{loss['first']:.4f}"),
        ("mean of the first tenth", f"{loss['first_tenth']:.4f}"),
        ("mean of the last tenth", f"{loss['last_tenth']:.4f}"),
        ("last step", f"{loss['last']:.4f}"),
    ]


def _held_out(found: Record | None) -> list[Section]:
    if found is None:
        return []
    rows = [
        ("rows", found["counts"]["ok"]),
        ("target tokens", found["n_targets"]),
        ("loss before", f"{found['loss_before']:.4f}"),
        ("loss after", f"{found['loss_after']:.4f}"),
    ]
    return [Section("Rows that were not trained on", [markdown_table(COLUMNS, rows)])]


def weights_in_words(data: Record) -> str:
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


def _trained(options: Record) -> str:
    if not options["lora"]:
        return "all weights"
    return f"LoRA, rank {options['lora_rank']}, alpha {options['lora_alpha']:g}, merged"
