"""What the user calls an encoder, a directory or a name on the Hugging Face hub, to a directory on this machine."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from cnlu.errors import DataError, UsageError

PATIENCE = 3.0
"""Seconds for the hub's first answer; after that, downloading has the library's own patience."""
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
"""The files that may hold the weights or say which do, the best first."""
SMALL_FILES = ("config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")

FIX = "fetch it again, or save the encoder anew with save_pretrained"
_OFFLINE = (
    "download it on a machine with a network and give its directory, or copy a filled cache and name it in "
    "HF_HUB_CACHE (or HF_HOME), or name a mirror in HF_ENDPOINT"
)

Answer = TypeVar("Answer")


def local_directory(source: str | Path) -> Path:
    """The directory of that name, else the hub's model of that name: from the local cache, else downloaded.

    Raises UsageError where there is neither; without a network at once, and saying what can be done offline.
    """
    name = str(source)
    if not name.strip():
        raise UsageError("The encoder's name is empty; name its directory, or a model of the Hugging Face hub.")
    try:
        path = Path(name).expanduser()
    except RuntimeError:  # ~ of somebody who is not known here
        raise UsageError(f"{name}: there is no such home folder; name the encoder's directory.") from None
    if path.is_dir():
        return path
    if path.exists():
        raise UsageError(f"{name}: is a file; name the directory of the encoder that it belongs to.")
    if not NAME.fullmatch(name) or isinstance(source, Path):
        raise UsageError(
            f"{name}: there is no such directory; name the directory of an encoder, or a model of the Hugging Face hub "
            "as owner/name."
        )
    return _cached(name) or _downloaded(name)


def _cached(name: str) -> Path | None:
    """Where the local Hugging Face cache has all of the model; None where it has not."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        config = try_to_load_from_cache(name, "config.json")
    except HFValidationError as error:
        raise UsageError(f"{name}: is neither a directory nor a possible name of a hub model.") from error
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    complete = weight_files(folder) and any((folder / file).exists() for file in TOKENIZER_FILES)
    return folder if complete else None


def _downloaded(name: str) -> Path:
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    try:
        found = _within(PATIENCE, lambda: HfApi().model_info(name, timeout=PATIENCE))
        files = [sibling.rfilename for sibling in found.siblings or []]
        return Path(snapshot_download(name, allow_patterns=wanted(files)))
    except RepositoryNotFoundError as error:
        raise UsageError(
            f"{name}: there is no such directory, and {constants.ENDPOINT} shows no model of this name (a private or "
            "gated one only to who is logged in); check the spelling."
        ) from error
    except HfHubHTTPError as error:
        raise UsageError(f"{name}: {constants.ENDPOINT} refuses it ({_first_line(error)}); {_OFFLINE}.") from error
    except Exception as error:  # whatever a network can do to a program
        reason = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else f"{constants.ENDPOINT} cannot be reached"
        raise UsageError(
            f"{name}: there is no such directory, the Hugging Face cache ({constants.HF_HUB_CACHE}) has no whole model "
            f"of this name, and {reason} ({_first_line(error)}); {_OFFLINE}."
        ) from error


def weight_files(directory: Path) -> list[Path]:
    """The files that hold a directory's weights; [] where there are none, or not all that an index names."""
    for kind in WEIGHT_FILES:
        path = directory / kind
        if not path.exists():
            continue
        if not kind.endswith(".index.json"):
            return [path]
        try:
            names = sorted(set(json.loads(path.read_text("utf-8"))["weight_map"].values()))
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise DataError(f"{path}: is no index of weight files; {FIX}.") from error
        if any(not isinstance(name, str) or Path(name).name != name for name in names):
            raise DataError(f"{path}: names files outside its directory; {FIX}.")
        files = [directory / name for name in names]
        return files if all(file.exists() for file in files) else []
    return []


def wanted(files: Sequence[str]) -> list[str]:
    """Those of a hub model's files that an encoder needs; pickled weights only where there are no others."""
    safe = [file for file in files if re.fullmatch(r"model(-\d+-of-\d+)?\.safetensors(\.index\.json)?", file)]
    pickled = [file for file in files if re.fullmatch(r"pytorch_model(-\d+-of-\d+)?\.bin(\.index\.json)?", file)]
    return [file for file in files if file in SMALL_FILES + TOKENIZER_FILES] + (safe or pickled)


def _within(seconds: float, call: Callable[[], Answer]) -> Answer:
    """The call's result, or TimeoutError: looking a host's name up heeds no time limit of its own."""
    results: list[Answer] = []
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
