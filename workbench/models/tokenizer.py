"""The tokenizer of a model, and the one choice about rows that every stage must share: a template.

    tokenizer = read_tokenizer("math-tiny", folder, template="auto")

The choice is made once, when a model is loaded, and lives in its tokenizer, so that probe, scores,
validation and tuning cannot render a row in different ways.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from workbench.config import digest, file_digest
from workbench.errors import InputError, ModelRefusedError, first_line
from workbench.models.adapter import tokenizer_of
from workbench.models.bounded import check_template
from workbench.models.find import transformers_source
from workbench.models.inputs import fill_template, template_clock
from workbench.models.thinking import CLOSE, treatment

TEMPLATES = ("auto", "none", "chat")


def read_tokenizer(
    name: str, path: Path, *, template: str = "auto", trust_remote_code: bool = False
) -> Any:
    """The tokenizer beside (or in) the weights of model `name`, rendering as `template` says.

    `auto` uses the chat template if there is one, `none` never, `chat` always: InputError where
    there is none.
    """
    from transformers import AutoTokenizer

    folder, option = transformers_source(tokenizer_of(path))
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=trust_remote_code, **option
        )
    except Exception as err:  # what is built of a foreign file raises what it likes
        raise InputError(
            f"the tokenizer of model '{name}' cannot be read",
            expected="a tokenizer.json beside the weights",
            do=f"save it with tokenizer.save_pretrained(folder) ({first_line(err)})",
        ) from err
    return usable_tokenizer(tokenizer, name, template)


def usable_tokenizer(tokenizer: Any, name: str, template: str) -> Any:
    """The tokenizer itself, after its chat template has been kept or taken off."""
    if not tokenizer.is_fast:
        raise ModelRefusedError(
            f"the tokenizer of model '{name}' gives no character offsets",
            expected="a fast tokenizer (tokenizer.json)",
            do="save the fast version beside the weights",
        )
    if template not in TEMPLATES:
        raise InputError(f"the template is '{template}'", expected=" or ".join(TEMPLATES))
    if template == "chat" and not tokenizer.chat_template:
        raise InputError(
            f"the tokenizer of model '{name}' has no chat template",
            expected="a model made for chat",
            do="pass --template auto or none",
        )
    if template == "none" and tokenizer.chat_template:
        # The caller's own keeps its template.
        tokenizer = copy.copy(tokenizer)
        tokenizer.chat_template = None
    if tokenizer.chat_template:
        check_template(name, tokenizer.chat_template)
    return tokenizer


def tokenizer_facts(tokenizer: Any, path: Path | None = None) -> dict[str, Any]:
    """How rows become tokens, for the manifest.

    `template` is what is used, `chat` or `none`; `added_tokens` what the tokenizer puts around any
    text of its own accord (a BOS, say), and nothing else is ever added; `think_blocks` what the
    template does to reasoning, where it does anything.
    """
    file = tokenizer_of(path) / "tokenizer.json" if path is not None else None
    return {
        "tokenizer_sha256": (
            file_digest(file) if file and file.is_file() else digest(tokenizer.get_vocab())
        ),
        "template": "chat" if tokenizer.chat_template else "none",
        "template_sha256": digest(tokenizer.chat_template or ""),
        **template_clock(tokenizer.chat_template),
        **_think_blocks(tokenizer),
        "added_tokens": tokenizer.convert_ids_to_tokens(tokenizer("")["input_ids"]),
    }


def _think_blocks(tokenizer: Any) -> dict[str, dict[str, str]]:
    if CLOSE not in str(tokenizer.chat_template):
        return {}
    try:
        own = tokenizer.get_chat_template()
        done = treatment(own, lambda turns: fill_template(tokenizer, turns))
    except Exception:  # templates raise what they like; each row says so for itself
        return {}
    return {"think_blocks": done} if done else {}


def fitting_tokenizer(name: str, tokenizer: Any, n_rows: int) -> Any:
    """The tokenizer, none of whose tokens lies beyond the `n_rows` of the model's embedding.

    Marks of images and the like, which only a text that spells them out would become, are taken
    off (Gemma 3 has one); ModelRefusedError for any other token.
    """
    vocabulary = tokenizer.get_vocab()
    beyond = {token for token, number in vocabulary.items() if number >= n_rows}
    if not beyond:
        return tokenizer
    named = {tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token}
    template = tokenizer.chat_template or ""
    special = {t.content for t in tokenizer.added_tokens_decoder.values() if t.special} - named
    if needed := {token for token in beyond if token not in special or token in template}:
        raise ModelRefusedError(
            f"the tokenizer of model '{name}' has {len(beyond)} tokens ({min(needed)!r}, ...) "
            f"beyond the {n_rows} rows of its embedding",
            expected="the tokenizer that the model was trained with",
            do="pass the folder of that one, or resize the embedding and save the model",
        )
    return _without_marks(tokenizer, beyond)


def _without_marks(tokenizer: Any, marks: set[str]) -> Any:
    """A tokenizer to which the special tokens `marks` are text like any other."""
    from tokenizers import Tokenizer

    state = json.loads(tokenizer.backend_tokenizer.to_str())
    state["added_tokens"] = [t for t in state["added_tokens"] if t["content"] not in marks]
    tokenizer = copy.copy(tokenizer)
    tokenizer._tokenizer = Tokenizer.from_str(json.dumps(state))
    # A name for a token that is no longer there would be looked up without end.
    named, more = tokenizer._special_tokens_map, tokenizer._extra_special_tokens
    tokenizer._special_tokens_map = {k: None if str(v) in marks else v for k, v in named.items()}
    tokenizer._extra_special_tokens = [token for token in more if str(token) not in marks]
    return tokenizer
