"""An export as a dataset of the Hugging Face hub; private, unless it is to be public.

    check_hub_id("org/name")    # then publish(folder, "org/name"), which gives the commit's address

Where the hub is and who asks, `huggingface_hub` decides (HF_ENDPOINT, HF_TOKEN). Files of an
earlier push that the folder no longer has stay where they are.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.errors import InputError, first_line

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def check_hub_id(hub_id: str) -> str:
    """The name itself, or InputError if no dataset can be called so."""
    if not HUB_ID.fullmatch(hub_id):
        raise InputError(
            f"the dataset to push to is '{hub_id}'",
            expected="ORG/NAME",
            do="pass your account or organisation, a slash and a name",
        )
    return hub_id


def publish(folder: Path, hub_id: str, *, public: bool = False) -> str:
    """Upload all files of `folder` in one commit and return its address.

    The dataset is made where there is none. InputError where the hub refuses, or where a dataset of
    this name is public and the rows were not meant to be, or the other way round.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    with _one_sentence(hub_id):
        is_public = _is_public(api, hub_id)
        if is_public is False and public:
            raise InputError(
                f"the dataset '{hub_id}' is on the hub already, and private, which an upload does "
                "not change",
                expected="a public one",
                do="leave out --public, make it public on the hub, or pass another name",
            )
        if is_public and not public:
            raise InputError(
                f"the dataset '{hub_id}' is on the hub already, and public",
                expected="a private one, or your word",
                do="pass --public, or another name",
            )
        api.create_repo(hub_id, repo_type="dataset", private=not public, exist_ok=True)
        commit = api.upload_folder(
            repo_id=hub_id,
            folder_path=folder,
            repo_type="dataset",
            commit_message="Export of circuit-workbench",
        )
    return str(commit.commit_url)


def _is_public(api: Any, hub_id: str) -> bool | None:
    """None where there is no such dataset."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return api.dataset_info(hub_id).private is False
    except RepositoryNotFoundError:
        return None


@contextlib.contextmanager
def _one_sentence(hub_id: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as err:
        # Which library speaks to the network, and so the kind of its errors, has changed twice.
        raise InputError(
            f"the hub does not take the dataset '{hub_id}' ({first_line(err)})",
            expected="an account that may write there, and its token in HF_TOKEN",
            do="run `hf auth login`, or check the name; the folder itself is written",
        ) from err
