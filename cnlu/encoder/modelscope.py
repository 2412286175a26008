"""Encoders of ModelScope, named `modelscope:OWNER/ID`: from its client's cache, or downloaded by its client."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from cnlu.encoder.files import CARD_FILES, files_to_download, is_complete
from cnlu.encoder.hubs import (
    HUB_TIMEOUT,
    call_with_timeout,
    failure_to_reach,
    first_line,
    fix_offline,
    is_installed,
    modelscope_endpoint,
    raise_if_disk_error,
    silent_log,
)
from cnlu.errors import CnluError, UsageError
from cnlu.i18n import _

PREFIX = "modelscope:"
LISTING_TIMEOUT = 30.0
"""Seconds for the list of a model's files, once the hub has been reached."""
_ID = re.compile(r"[A-Za-z0-9_][\w.-]*/[A-Za-z0-9_][\w.-]*", re.ASCII)


def modelscope_id(source: str) -> str | None:
    """The id of `modelscope:OWNER/ID`, or None for another name. Raises UsageError for an impossible id."""
    if not source.startswith(PREFIX):
        return None
    model = source.removeprefix(PREFIX)
    if not _ID.fullmatch(model):
        problem = _("is not the name of a model on ModelScope")
        raise UsageError(source, problem, _("write it as modelscope:OWNER/ID"))
    return model


def has_modelscope_client() -> bool:
    """Whether the extra `cnlu[modelscope]` is installed."""
    return is_installed("modelscope_hub")


def modelscope_cache() -> Path:
    """The cache of ModelScope's client, which MODELSCOPE_CACHE moves."""
    return Path(os.environ.get("MODELSCOPE_CACHE") or "~/.cache/modelscope").expanduser()


def cached_on_modelscope(model: str) -> Path | None:
    """The folder of the client's cache that holds the whole model, or None; also as older clients wrote it."""
    owner, _slash, name = model.partition("/")
    cache = modelscope_cache()
    old_name = name.replace(".", "___")
    candidates = (
        cache / "models" / f"{owner}--{name}" / "snapshots" / "master",
        cache / "models" / owner / old_name,
        cache / "hub" / "models" / owner / old_name,
    )
    return next((folder for folder in candidates if is_complete(folder)), None)


def all_cached_on_modelscope() -> Iterator[tuple[str, Path]]:
    """(name with `modelscope:`, folder) of each model of the client's cache that is whole."""
    cache = modelscope_cache()
    models = {folder.name.replace("--", "/", 1) for folder in cache.glob("models/*--*")}
    for models_folder in (cache / "models", cache / "hub" / "models"):
        old = (folder for folder in models_folder.glob("*/*") if "--" not in folder.parent.name)
        models |= {f"{folder.parent.name}/{folder.name.replace('___', '.')}" for folder in old}
    for model in sorted(models):
        folder = cached_on_modelscope(model)
        if folder is not None:
            yield PREFIX + model, folder


def download_from_modelscope(model: str, out: Path | None = None) -> Path:
    """Download what an encoder needs into the cache, or with the model card into `out`; continues a download.

    Raises UsageError if the client is not installed, or ModelScope cannot be reached, refuses, or has no such model.
    """
    _check_client(model)
    endpoint = modelscope_endpoint()
    failure = failure_to_reach(endpoint, HUB_TIMEOUT)
    if failure is not None:
        raise UsageError(PREFIX + model, _unreachable(failure), fix_offline())
    from modelscope_hub.errors import APIError, FileDownloadError, NotExistError

    try:
        return _snapshot(model, endpoint, out)
    except CnluError:
        raise
    except NotExistError as error:
        problem = _("{endpoint} shows no model of this name (private models need a login)", endpoint=endpoint)
        raise UsageError(PREFIX + model, problem, _("check the spelling")) from error
    except APIError as error:
        refused = _("{endpoint} refuses it ({reason})", endpoint=endpoint, reason=first_line(error))
        raise UsageError(PREFIX + model, refused, fix_offline()) from error
    except Exception as error:  # failures of the network, the disk and the checksums have no common class
        causes = error.failed_files.values() if isinstance(error, FileDownloadError) else [error]
        for cause in causes:
            raise_if_disk_error(cause, out or modelscope_cache())
        reason = first_line(next(iter(causes), error))
        problem = _("the download from {endpoint} failed ({reason})", endpoint=endpoint, reason=reason)
        raise UsageError(PREFIX + model, problem, _("run the command again, which continues the download")) from error


def _check_client(model: str) -> None:
    if not has_modelscope_client():
        problem = _("{what} needs {package}, which is not installed", what=PREFIX + model, package="modelscope-hub")
        raise UsageError("", problem, _("run `{command}`", command="pip install 'cnlu[modelscope]'"))


def _snapshot(model: str, endpoint: str, out: Path | None) -> Path:
    from modelscope_hub import HubApi
    from modelscope_hub.compat import snapshot_download

    with silent_log("modelscope_hub"), _bars():
        api = HubApi(endpoint=endpoint)
        listing = call_with_timeout(LISTING_TIMEOUT, lambda: api.list_repo_files(model, "model"))
        files = [file.path for file in listing]
        needed = files_to_download(files)
        if not needed:  # an empty list of patterns would fetch everything
            problem = _("{endpoint} shows no files of an encoder under this name", endpoint=endpoint)
            raise UsageError(PREFIX + model, problem, _("name another model"))
        wanted = needed + [file for file in files if out is not None and file in CARD_FILES]
        folder = snapshot_download(
            model,
            endpoint=endpoint,
            cache_dir=str(modelscope_cache()),
            local_dir=None if out is None else str(out),
            allow_patterns=wanted,
        )
    return Path(folder)


def _unreachable(reason: str) -> str:
    return _(
        "the ModelScope cache ({cache}) has no whole model of this name, and {endpoint} cannot be reached ({reason})",
        cache=modelscope_cache(),
        endpoint=modelscope_endpoint(),
        reason=reason,
    )


def _bars() -> contextlib.AbstractContextManager[object]:
    """Keeps the client's progress bars on a terminal, and away from a file or a pipe."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    return contextlib.nullcontext() if is_terminal else contextlib.redirect_stderr(io.StringIO())
