"""What else of a model's folder a number depends on, where it says anything; and the frozen date.

    more_inputs(folder)   # {} for a folder whose weights, configuration and tokenizer say it all
    fill_template(tokenizer, [{"role": "user", "content": "1 + 1?"}])

An entry appears only where a file changes something, so that a model without such files has the run
names it always had. Which files `transformers` opens is asked of `transformers` by a test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.config import digest, file_digest
from workbench.errors import ModelRefusedError
from workbench.models.bounded import DO, bounded
from workbench.models.thinking import kept_reasoning

TODAY = datetime(2024, 7, 26)
"""What a chat template that writes the date is told; templates without a clock write this one."""

CLOCK = "strftime_now"
CODES = "%-d %-m %-H %-I %a %A %w %d %b %B %m %y %Y %H %I %p %M %S %f %j %U %W %c %x %X %F %D %T"
ADAPTER = "adapter_config.json"
# Read only where tokenizer_config.json does not already list the added tokens.
LEGACY = ("special_tokens_map.json", "added_tokens.json")
# Read only where there is no tokenizer.json.
VOCABULARY = ("*.model", "*.txt", "vocab.json", "tekken.json", "*.tiktoken")
TEMPLATES = "additional_chat_templates"
INDEX = "model.safetensors.index.json"
# Descriptions of tools and examples come with some templates: a book does not.
MOST_WRITTEN, MOST_TIMES = 1_000_000, 20


def more_inputs(folder: Path) -> dict[str, Any]:
    """Fingerprints of what `model_fingerprint` has no fixed place for."""
    stops = _stop_ids(folder)
    shards = _unread_shards(folder)
    return {
        **{f"{path.relative_to(folder)}_sha256": file_digest(path) for path in _texts(folder)},
        **({"stop_ids": stops} if stops is not None else {}),
        **({"unread_shards": shards} if shards else {}),
    }


def in_template(folder: Path, word: str) -> bool:
    """Whether a chat template in the folder holds a word: the name of the clock, a tag."""
    files = [*folder.glob("*.jinja"), *folder.glob(f"{TEMPLATES}/*.jinja")]
    files += [folder / "tokenizer_config.json"]
    return any(word.encode() in path.read_bytes() for path in files if path.is_file())


def template_clock(template: Any) -> dict[str, str]:
    """The date that a chat template is told, for the manifest; nothing where it asks for none."""
    return {"template_date": TODAY.date().isoformat()} if CLOCK in str(template) else {}


def fill_template(tokenizer: Any, turns: Sequence[Mapping[str, Any]], **options: Any) -> str:
    """The text of a conversation, reasoning included; whatever the day, it has the same date.

    ModelRefusedError for a template that takes too long or writes too much.
    """
    own = tokenizer.get_chat_template(tools=options.get("tools"))
    used = kept_reasoning(own)
    if CLOCK in used:
        used = _stopped_clock() + used
    if used != own:
        options["chat_template"] = used
    with bounded("the chat template"):
        text = tokenizer.apply_chat_template(list(turns), tokenize=False, **options)
    _check_length(text, sum(len(str(value)) for turn in turns for value in turn.values()))
    return text


def _check_length(text: str, given: int) -> None:
    if len(text) > MOST_WRITTEN + MOST_TIMES * given:
        raise ModelRefusedError(
            f"the chat template writes {len(text)} characters for a conversation of {given}",
            expected="the conversation with marks around it",
            do=DO,
        )


def _stopped_clock() -> str:
    """A macro in place of the function of that name: `transformers` lets no function in."""
    dated = {code: TODAY.strftime(code) for code in CODES.split()}
    filters = "".join(f" | replace('{code}', '{text}')" for code, text in dated.items())
    return f"{{%- macro {CLOCK}(format) -%}}{{{{- format{filters} -}}}}{{%- endmacro -%}}\n"


def _texts(folder: Path) -> Iterator[Path]:
    """The files beside those that every model has, in the order of their names."""
    names = [ADAPTER, f"{TEMPLATES}/*.jinja", "tokenizer.*.json"]
    if "added_tokens_decoder" not in _json(folder / "tokenizer_config.json"):
        names += LEGACY
    if not (folder / "tokenizer.json").is_file():
        names += VOCABULARY
    yield from sorted({path for name in names for path in folder.glob(name) if path.is_file()})


def _stop_ids(folder: Path) -> Any:
    """Where a decoded text ends by generation_config.json; None where config.json says the same."""
    path = folder / "generation_config.json"
    if not path.is_file():
        return None
    config = _json(folder / "config.json")
    text = config.get("text_config") or {}
    expected = config.get("eos_token_id", text.get("eos_token_id"))
    found = _json(path).get("eos_token_id")
    return None if _ids(found) == _ids(expected) else _ids(found)


def _ids(value: Any) -> list[Any]:
    values = value if isinstance(value, list) else [value]
    return sorted({i for i in values if i is not None}, key=str)


def _unread_shards(folder: Path) -> str | None:
    """A digest of the index where it leaves out weights that lie in the folder."""
    if (folder / "model.safetensors").is_file() or not (folder / INDEX).is_file():
        return None
    placed = _json(folder / INDEX).get("weight_map")
    named = set(map(str, placed.values())) if isinstance(placed, dict) else set[str]()
    there = {path.name for path in folder.glob("*.safetensors")}
    return digest(sorted(named)) if named != there else None


def _json(path: Path) -> dict[str, Any]:
    """The object in a file; of one that cannot be read, loading the model tells."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
