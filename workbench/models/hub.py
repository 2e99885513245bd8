"""A model of the Hugging Face hub, in its local cache: fetched once, every refusal one sentence.

    folder, commit = from_hub("Qwen/Qwen2.5-Math-1.5B-Instruct", "main")

`huggingface_hub` decides where the cache is, whether to stay offline and which token to send
(HF_HOME, HF_HUB_OFFLINE, HF_TOKEN, HF_ENDPOINT). The small files come first, so that a model of
another kind is refused before its weights are fetched. Of weights only safetensors are ever
fetched, and Python files only for a model whose code is trusted.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from workbench.errors import InputError, ModelRefusedError, first_line
from workbench.models.stated import INDEX, shard_names, stated_configuration

SMALL = ("*.json", "*.jinja", "*.model", "*.txt")
WEIGHTS = ("*.safetensors",)
CODE = ("*.py",)
# Files in folders and `consolidated` ones are the same weights again in other layouts.
OTHER = ("*/*", "consolidated*")
ADAPTER = "adapter_config.json"


def from_hub(hub_id: str, revision: str | None, *, code: bool = False) -> tuple[Path, str]:
    """The cached folder of a hub model and its commit; InputError says why there is none."""
    folder = _fetch(hub_id, revision, SMALL)
    if (folder / "config.json").is_file():
        config = stated_configuration(hub_id, folder)
        refuse_other_kinds(hub_id, config.get("architectures"), custom="auto_map" in config)
    elif not (folder / ADAPTER).is_file():
        raise InputError(
            f"the hub repository '{hub_id}' holds no config.json",
            expected="a model that transformers can load",
            do="check the name; of a repository of GGUF files fetch one and pass its path",
        )
    everything, commit = (*SMALL, *WEIGHTS, *(CODE if code else ())), folder.name
    with contextlib.suppress(InputError):
        cached = _fetch(hub_id, commit, everything, from_cache=True)
        if _has_weights(cached) and not code:
            return cached, commit
    return _fetch(hub_id, commit, everything, with_bars=sys.stderr.isatty()), commit


def _has_weights(folder: Path) -> bool:
    """Whether all weights lie in a cached folder: some releases of huggingface_hub hand out a
    folder of which only the small files have been fetched."""
    if not (folder / INDEX).is_file():
        return any(folder.glob("*.safetensors"))
    return all((folder / shard).is_file() for shard in shard_names(folder.name, folder))


def refuse_other_kinds(name: str, architectures: list[str] | None, *, custom: bool) -> None:
    """Raise ModelRefusedError where a configuration names classes of which none predicts tokens.

    `custom` classes come with the repository, so nothing can be told from their names.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    if custom or not architectures:
        return
    if not set(architectures) & set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()):
        raise ModelRefusedError(
            f"the model '{name}' is a {architectures[0]}",
            expected="a causal language model",
            do="choose a decoder that predicts the next token",
        )


def _fetch(
    hub_id: str,
    revision: str | None,
    patterns: tuple[str, ...],
    *,
    from_cache: bool = False,
    with_bars: bool = False,
) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        with _bars(shown=with_bars):
            folder = snapshot_download(
                hub_id,
                revision=revision,
                allow_patterns=list(patterns),
                ignore_patterns=list(OTHER),
                local_files_only=from_cache,
            )
        return Path(folder)
    except GatedRepoError as err:
        raise InputError(
            f"the model '{hub_id}' is gated: the hub gives it only to accounts that have accepted "
            "its terms",
            do="accept them on its page there and put your token into HF_TOKEN",
        ) from err
    except RepositoryNotFoundError as err:
        raise InputError(
            f"the hub has no model '{hub_id}' that you may read",
            expected="a public model, or a private one and a token for it",
            do="check the spelling, or put your token into HF_TOKEN",
        ) from err
    except RevisionNotFoundError as err:
        raise InputError(
            f"the model '{hub_id}' has no revision '{revision}'",
            expected="a branch, a tag or a commit of its repository",
            do="leave out @revision for the newest",
        ) from err
    except LocalEntryNotFoundError as err:
        raise _unreachable(hub_id) from err
    except (HfHubHTTPError, OSError, ValueError) as err:
        raise InputError(
            f"the hub does not give out the model '{hub_id}' ({first_line(err)})",
            expected="a name like org/name",
            do="check the name, or try again later",
        ) from err


def _unreachable(hub_id: str) -> InputError:
    from huggingface_hub.constants import is_offline_mode

    why = "HF_HUB_OFFLINE forbids asking" if is_offline_mode() else "the hub is out of reach"
    return InputError(
        f"the model '{hub_id}' is not (or not wholly) in the local cache, and {why}",
        do="connect to the internet, or pass a local folder",
    )


@contextlib.contextmanager
def _bars(*, shown: bool) -> Iterator[None]:
    """Bars of a download only where a person waits for gigabytes, and no advice at all."""
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    hide = not shown and not are_progress_bars_disabled()
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # HF_HUB_DISABLE_PROGRESS_BARS=0 keeps the bars, and says so each time.
        warnings.simplefilter("ignore")
        if hide:
            disable_progress_bars()
        try:
            yield
        finally:
            logger.setLevel(level)
            if hide:
                enable_progress_bars()
