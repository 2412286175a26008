"""Resolve the name of an encoder to a directory: a directory, the bundled encoder, or a model of a hub."""

from __future__ import annotations

import json
import re
from pathlib import Path

from cnlu.bundled import BUNDLED, bundled_directory
from cnlu.encoder.files import is_complete
from cnlu.encoder.hugging_face import cached_on_hugging_face, download_from_hugging_face
from cnlu.encoder.modelscope import cached_on_modelscope, download_from_modelscope, modelscope_id
from cnlu.encoder.safetensors_header import read_header
from cnlu.errors import DataError, UsageError
from cnlu.i18n import _

NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)


def local_directory(source: str | Path) -> Path:
    """The directory of an encoder: `source` itself, the bundled encoder, or a hub's model, cached or downloaded.

    Raises UsageError if there is none. Without a network it fails at once, and the error says what to do offline.
    """
    return local_copy(source) or download(str(source))


def local_copy(source: str | Path) -> Path | None:
    """The directory of an encoder that is on this machine, or None for the name of a hub's model that is not.

    `modelscope:` always names ModelScope, and `zh-mini` the bundled encoder; `./zh-mini` is a directory. Raises
    UsageError for a name that is no directory and impossible on a hub.
    """
    name = str(source)
    if not name.strip():
        raise UsageError("--encoder", _("the name is empty"), _("name a directory or a model of the Hugging Face hub"))
    if not isinstance(source, Path):
        if name == BUNDLED:
            return _checked_bundled()
        if (model := modelscope_id(name)) is not None:
            return cached_on_modelscope(model)
    directory = _directory(name)
    if directory is None and (not NAME.fullmatch(name) or isinstance(source, Path)):
        raise UsageError(
            name,
            _("there is no such directory"),
            _("name the directory of an encoder, or a model of the Hugging Face hub as owner/name"),
        )
    return directory or cached_on_hugging_face(name)


def download(name: str, out: Path | None = None) -> Path:
    """Download a hub's model into the hub's cache, or with its model card into `out`.

    Raises UsageError if the hub cannot be reached, refuses, or has no such model.
    """
    model = modelscope_id(name)
    return download_from_hugging_face(name, out) if model is None else download_from_modelscope(model, out)


def _directory(name: str) -> Path | None:
    """The directory `name`, or None if there is none. Raises UsageError for a file."""
    try:
        path = Path(name).expanduser()
    except RuntimeError:  # ~user of an unknown user
        raise UsageError(name, _("there is no such home folder"), _("name the encoder's directory")) from None
    if path.is_dir():
        return path
    if path.exists():
        raise UsageError(name, _("is a file"), _("name the directory of the encoder that it belongs to"))
    return None


def _checked_bundled() -> Path:
    """The directory of the bundled encoder. Raises UsageError if it is missing, DataError if it is damaged."""
    directory = bundled_directory()
    fix = _("install cnlu again, or name another encoder")
    if directory is None:
        raise UsageError(BUNDLED, _("this installation of cnlu has no bundled encoder"), fix)
    try:
        is_whole = is_complete(directory)
        for name in ("config.json", "tokenizer.json") if is_whole else ():
            json.loads((directory / name).read_text("utf-8"))
        tensors = read_header(directory / "model.safetensors") if is_whole else {}
    except (DataError, OSError, ValueError) as error:
        raise DataError(directory, _("the bundled encoder is damaged"), fix) from error
    if not tensors:
        raise DataError(directory, _("files of the bundled encoder are missing"), fix)
    return directory
