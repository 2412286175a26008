"""Resolve the name of an encoder, a directory or a Hugging Face hub model, to a local directory."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from cnlu.bundled import BUNDLED, bundled_directory
from cnlu.errors import DataError, UsageError
from cnlu.i18n import _

HUB_TIMEOUT = 3.0
"""Seconds to wait for the hub's first response; the download itself has the library's own timeouts."""
NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)
TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""Files that hold the weights or index them, in order of preference."""
SMALL_FILES = ("config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")

Result = TypeVar("Result")


def download_again() -> str:
    """The fix for a damaged file of an encoder."""
    return _("fetch it again, or save the encoder again with save_pretrained")


def _fix_offline() -> str:
    return _(
        "download it on a machine with a network and give its directory, or copy a filled cache and name it in "
        "HF_HUB_CACHE (or HF_HOME), or name a mirror in HF_ENDPOINT"
    )


def local_directory(source: str | Path) -> Path:
    """The directory `source`, or else the hub model of that name, from the local cache or downloaded.

    Raises UsageError if neither exists. Without a network it fails at once, and the error says what to do offline.
    """
    name = str(source)
    if not name.strip():
        raise UsageError("--encoder", _("the name is empty"), _("name a directory or a model of the Hugging Face hub"))
    if name == BUNDLED and (bundled := bundled_directory()):
        return bundled
    try:
        path = Path(name).expanduser()
    except RuntimeError:  # ~user of an unknown user
        raise UsageError(name, _("there is no such home folder"), _("name the encoder's directory")) from None
    if path.is_dir():
        return path
    if path.exists():
        raise UsageError(name, _("is a file"), _("name the directory of the encoder that it belongs to"))
    if not NAME.fullmatch(name) or isinstance(source, Path):
        raise UsageError(
            name,
            _("there is no such directory"),
            _("name the directory of an encoder, or a model of the Hugging Face hub as owner/name"),
        )
    return _cached(name) or _downloaded(name)


def _cached(name: str) -> Path | None:
    """The folder of the local Hugging Face cache that holds the whole model, or None."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        config = try_to_load_from_cache(name, "config.json")
    except HFValidationError as error:
        raise UsageError(
            name, _("is neither a directory nor a valid name of a hub model"), _("check the spelling")
        ) from error
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    complete = weight_files(folder) and any((folder / file).exists() for file in TOKENIZER_FILES)
    return folder if complete else None


def _downloaded(name: str) -> Path:
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    try:
        model = _call_with_timeout(HUB_TIMEOUT, lambda: HfApi().model_info(name, timeout=HUB_TIMEOUT))
        files = [sibling.rfilename for sibling in model.siblings or []]
        return Path(snapshot_download(name, allow_patterns=files_to_download(files)))
    except RepositoryNotFoundError as error:
        raise UsageError(
            name,
            _(
                "there is no such directory, and {endpoint} shows no model of this name (private and gated models need "
                "a login)",
                endpoint=constants.ENDPOINT,
            ),
            _("check the spelling"),
        ) from error
    except HfHubHTTPError as error:
        refused = _("{endpoint} refuses it ({reason})", endpoint=constants.ENDPOINT, reason=_first_line(error))
        raise UsageError(name, refused, _fix_offline()) from error
    except Exception as error:  # network failures have no common class
        raise UsageError(name, _unreachable(error), _fix_offline()) from error


def _unreachable(error: Exception) -> str:
    from huggingface_hub import constants

    parts = {"cache": constants.HF_HUB_CACHE, "endpoint": constants.ENDPOINT, "reason": _first_line(error)}
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


def weight_files(directory: Path) -> list[Path]:
    """The files that hold a directory's weights; empty if there are none, or if one that an index names is missing.

    Raises DataError for a damaged index, or one that names files outside the directory.
    """
    for kind in WEIGHT_FILES:
        path = directory / kind
        if not path.exists():
            continue
        if not kind.endswith(".index.json"):
            return [path]
        try:
            names = sorted(set(json.loads(path.read_text("utf-8"))["weight_map"].values()))
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise DataError(path, _("is not an index of weight files"), download_again()) from error
        if any(not isinstance(name, str) or Path(name).name != name for name in names):
            raise DataError(path, _("names files outside its directory"), download_again())
        files = [directory / name for name in names]
        return files if all(file.exists() for file in files) else []
    return []


def files_to_download(files: Sequence[str]) -> list[str]:
    """The files of a hub model that an encoder needs; pickled weights only without safetensors."""
    safe = [file for file in files if re.fullmatch(r"model(-\d+-of-\d+)?\.safetensors(\.index\.json)?", file)]
    pickled = [file for file in files if re.fullmatch(r"pytorch_model(-\d+-of-\d+)?\.bin(\.index\.json)?", file)]
    return [file for file in files if file in SMALL_FILES + TOKENIZER_FILES] + (safe or pickled)


def _call_with_timeout(seconds: float, call: Callable[[], Result]) -> Result:
    """The result of the call. Raises TimeoutError after `seconds`, since a DNS lookup has no timeout of its own."""
    results: list[Result] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if failures:
        raise failures[0]
    if not results:
        raise TimeoutError(f"no answer within {seconds:g} seconds")
    return results[0]


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120].rstrip(".")
