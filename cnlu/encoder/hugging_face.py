"""Encoders of the Hugging Face hub: from the local cache, or downloaded by huggingface_hub."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from cnlu.encoder.files import files_to_download, is_complete
from cnlu.encoder.hubs import (
    HUB_TIMEOUT,
    call_with_timeout,
    first_line,
    fix_offline,
    hugging_face_endpoint,
    is_installed,
    raise_if_disk_error,
    silent_log,
)
from cnlu.encoder.resume import download_files
from cnlu.errors import CnluError, UsageError
from cnlu.i18n import _


def has_hugging_face_client() -> bool:
    """Whether huggingface_hub is installed, which comes with `cnlu[train]`."""
    return is_installed("huggingface_hub")


def hugging_face_cache() -> Path:
    """The cache of the Hugging Face libraries, which HF_HOME or HF_HUB_CACHE moves."""
    try:
        from huggingface_hub import constants
    except ImportError:
        user = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
        home = Path(os.environ.get("HF_HOME") or user / "huggingface")
        return Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    return Path(constants.HF_HUB_CACHE)


def cached_on_hugging_face(name: str) -> Path | None:
    """The folder of the local cache that holds the whole model, or None."""
    return _snapshot(hugging_face_cache() / f"models--{name.replace('/', '--')}")


def all_cached_on_hugging_face() -> Iterator[tuple[str, Path]]:
    """(name, folder) of each model of the local cache that is whole."""
    for repository in sorted(hugging_face_cache().glob("models--*")):
        folder = _snapshot(repository)
        if folder is not None:
            yield repository.name.removeprefix("models--").replace("--", "/"), folder


def _snapshot(repository: Path) -> Path | None:
    """The folder of the revision `main` in a repository of the cache, if it is whole."""
    try:
        commit = (repository / "refs" / "main").read_text("utf-8").strip()
    except (OSError, ValueError):
        return None
    folder = repository / "snapshots" / commit
    return folder if commit and is_complete(folder) else None


def download_from_hugging_face(name: str, out: Path | None = None) -> Path:
    """Download what an encoder needs into the cache, or with the model card into `out`, where a download continues.

    Raises UsageError if the client is not installed, or the hub cannot be reached, refuses, or has no such model.
    """
    if not has_hugging_face_client():
        problem = _("{what} needs {package}, which is not installed", what=name, package="huggingface_hub")
        raise UsageError("", problem, _("run `{command}`", command="pip install huggingface_hub"))
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    endpoint = hugging_face_endpoint()
    try:
        ask = partial(HfApi().model_info, name, timeout=HUB_TIMEOUT, files_metadata=out is not None)
        model = call_with_timeout(HUB_TIMEOUT, ask)
        with silent_log("huggingface_hub"):
            if out is not None:
                return download_files(model, out)
            files = [sibling.rfilename for sibling in model.siblings or []]
            return Path(snapshot_download(name, allow_patterns=files_to_download(files)))
    except CnluError:
        raise
    except HFValidationError as error:
        problem = _("is neither a directory nor a valid name of a hub model")
        raise UsageError(name, problem, _("check the spelling")) from error
    except RepositoryNotFoundError as error:
        problem = _(
            "there is no such directory, and {endpoint} shows no model of this name (private and gated models need "
            "a login)",
            endpoint=endpoint,
        )
        raise UsageError(name, problem, _("check the spelling")) from error
    except HfHubHTTPError as error:
        refused = _("{endpoint} refuses it ({reason})", endpoint=endpoint, reason=first_line(error))
        raise UsageError(name, refused, fix_offline()) from error
    except Exception as error:  # network failures have no common class
        raise_if_disk_error(error, out or hugging_face_cache())
        raise UsageError(name, _unreachable(error), fix_offline()) from error


def _unreachable(error: Exception) -> str:
    from huggingface_hub import constants

    parts = {"cache": hugging_face_cache(), "endpoint": hugging_face_endpoint(), "reason": first_line(error)}
    if constants.HF_HUB_OFFLINE:
        return _(
            "there is no such directory, the Hugging Face cache ({cache}) has no whole model of this name, and "
            "HF_HUB_OFFLINE is set ({reason})",
            **parts,
        )
    return _(
        "there is no such directory, the Hugging Face cache ({cache}) has no whole model of this name, and {endpoint} "
        "cannot be reached ({reason})",
        **parts,
    )
