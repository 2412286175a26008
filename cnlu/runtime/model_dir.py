"""The model directory: plain files and a manifest with their checksums, written atomically and verified when read."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnlu.errors import ModelError
from cnlu.i18n import _
from cnlu.io import atomic_directory
from cnlu.io.open_directory import File, Folder, identity

FORMAT = 3
"""Version of the directory format; increase it when an older cnlu could not read a new directory, or would misread it.

2: features and tags belong to the visible characters (cnlu/text/view.py); in 1 they belonged to all characters.
3: training.json, tokens.json and config.json have other keys."""

MANIFEST = "manifest.json"

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
"""File names without separators, `..`, drives or a leading dot, so none can lead out of the directory."""

_OWN_KEYS = ("format", "cnlu", "files", "sha256")


@dataclass(frozen=True)
class ModelFiles:
    """A verified model directory, in memory."""

    path: Path
    """The path as the caller gave it, for messages"""
    manifest: dict[str, Any]
    """The content of the manifest, `manifest_extra` included"""
    files: dict[str, bytes]
    """Name -> content, without the manifest; the checksums are verified"""


def write_model_dir(
    path: str | Path, files: Mapping[str, bytes], manifest_extra: Mapping[str, Any], force: bool = False
) -> None:
    """Writes a model directory with `files` (plain ASCII names) and a manifest, completely or not at all.

    The same arguments give the same bytes: the directory contains no times and no paths. `manifest_extra` is JSON data;
    its keys are added to the manifest's own. Raises UsageError as `check_out` does, and ModelError if writing fails.
    """
    bad = [name for name in files if not _PLAIN_NAME.fullmatch(name) or name == MANIFEST]
    clash = [key for key in manifest_extra if key in _OWN_KEYS]
    if bad or clash:
        raise ValueError(f"not usable in a model directory: files {bad}, manifest keys {clash}")
    check_out(path, force)
    target = atomic_directory.resolve(path)
    listed = {name: _fingerprint(files[name]) for name in sorted(files)}
    manifest = {**manifest_extra, "format": FORMAT, "cnlu": _own_version(), "files": listed}
    manifest = json.loads(json.dumps(manifest))  # as it is read back: with string keys, and lists for tuples
    text = json.dumps({**manifest, "sha256": _manifest_digest(manifest)}, ensure_ascii=True, indent=1, sort_keys=True)
    try:
        atomic_directory.write_dir(target, {**files, MANIFEST: (text + "\n").encode()})
    except OSError as error:
        raise atomic_directory.could_not_write(path, "model", error, ModelError) from error


def check_out(path: str | Path, force: bool = False) -> None:
    """Checks that the output directory can be written; call it before long work.

    Raises UsageError if `path` exists and `force` is not set, if it exists and is not a model directory (`force`
    replaces nothing else), and if its parent cannot be written.
    """
    atomic_directory.check_out(path, force, "model directory", is_model_dir)


def is_model_dir(target: Path) -> bool:
    """Whether cnlu wrote this directory, in any format. Other programs write a manifest.json too."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        with Folder(target) as folder, folder.open(MANIFEST) as file:
            manifest = json.loads(file.read() if file.size <= _MAX_MANIFEST else b"")
        return isinstance(manifest, dict) and "cnlu" in manifest and "format" in manifest
    return False


def has_encoder(path: str | Path) -> bool:
    """Whether the path is a model directory with a pretrained encoder."""
    return os.path.lexists(atomic_directory.locate(atomic_directory.resolve(path)) / "tokens.json")


def read_model_dir(path: str | Path) -> ModelFiles:
    """Reads and verifies a model directory, or its previous version if a replacement was killed halfway.

    All files come from one directory, even if trainings replace it meanwhile. Only the manifest and the files that it
    lists are opened. Raises ModelError if the directory is missing or of another format, or if a file is missing,
    truncated or changed.
    """
    target = atomic_directory.resolve(path)
    for attempt in range(_TRIES):
        directory = atomic_directory.locate(target)
        try:
            with Folder(directory) as folder:
                try:
                    return _read(path, folder)
                except ModelError:
                    # A replaced directory that is being deleted looks damaged: read the new one.
                    if attempt == _TRIES - 1 or identity(atomic_directory.locate(target)) == folder.identity:
                        raise
        except FileNotFoundError:
            if attempt >= _MISSING_TRIES:
                fix = _("check the path, or train a model there with `cnlu train`")
                raise ModelError(path, _("there is no such directory"), fix) from None
            time.sleep(0.001)  # the name is missing for a moment between a writer's two renames
        except NotADirectoryError:
            raise ModelError(path, _("is a file"), _("name the directory that `cnlu train` wrote")) from None
        except OSError as error:
            raise _unreadable(path, error) from error
    raise AssertionError("the last try returns or raises")


_TRIES = 50
"""Maximum number of attempts of a load while other processes replace the directory. A replacement after all files are
open costs no attempt."""
_MISSING_TRIES = 3
"""Number of attempts after which a missing directory is an error."""


def _read(path: str | Path, folder: Folder) -> ModelFiles:
    manifest = _read_manifest(path, folder)
    sizes = _listed(path, manifest)
    with contextlib.ExitStack() as stack:
        # Open all files before reading any, so that none can disappear.
        opened = {name: _opened(path, name, folder, stack) for name in sizes}
        files = {name: _content(path, name, file, manifest["files"][name]) for name, file in opened.items()}
    return ModelFiles(Path(path), manifest, files)


def _read_manifest(path: str | Path, folder: Folder) -> dict[str, Any]:
    """The manifest, with its own checksum verified."""
    place = Path(path) / MANIFEST
    try:
        with folder.open(MANIFEST) as file:
            if file.size > _MAX_MANIFEST:
                problem = _("is larger than {size} MB, so it is not a cnlu model's manifest", size=_MAX_MANIFEST >> 20)
                raise ModelError(place, problem, _other_directory())
            manifest = json.loads(file.read())
    except FileNotFoundError:
        problem = _("is not a model directory (it has no {name})", name=MANIFEST)
        raise ModelError(path, problem, _other_directory()) from None
    except OSError as error:
        raise _unreadable(place, error) from error
    except (ValueError, RecursionError):
        raise _damaged(place) from None
    _check_format(path, manifest)
    digest = manifest.get("sha256")
    body = {key: value for key, value in manifest.items() if key != "sha256"}
    if digest != _manifest_digest(body) or not isinstance(manifest.get("files"), dict):
        raise _damaged(place)
    return manifest


def _check_format(path: str | Path, manifest: Any) -> None:
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if type(version) is not int or version < 1 or "cnlu" not in manifest:
        raise ModelError(Path(path) / MANIFEST, _("is not a cnlu model's manifest"), _other_directory())
    values = {"format": version, "version": manifest["cnlu"], "supported": FORMAT}
    if version > FORMAT:
        problem = _(
            "was made by a newer cnlu (format {format}, written by cnlu {version}; this one reads format {supported})",
            **values,
        )
        fix = _("upgrade with `pip install --upgrade cnlu`, or train the model again")
        raise ModelError(path, problem, fix)
    if version < FORMAT:
        problem = _(
            "was made by an older cnlu (format {format}, written by cnlu {version}; this one reads format {supported})",
            **values,
        )
        raise ModelError(path, problem, _("train the model again"))


def _damaged(place: Path) -> ModelError:
    problem = _("is damaged or was changed after training")
    return ModelError(place, problem, _("copy the model directory again, or train the model again"))


def _other_directory() -> str:
    return _("name a directory that `cnlu train` wrote")


_MAX_MANIFEST = 1 << 20
_MAX_FILES = 64
_MAX_BYTES = 4 << 30
"""Maximum size of all files together, in bytes. An ONNX graph, which is nearly all of a model, cannot exceed 2 GB."""


def _listed(path: str | Path, manifest: dict[str, Any]) -> dict[str, int]:
    """Names and sizes of the manifest's files. Raises ModelError for a name outside the directory or excessive size."""
    place = Path(path) / MANIFEST
    distrust = _("do not trust this model, and train it again")
    sizes: dict[str, int] = {}
    for name, entry in manifest["files"].items():
        if not _PLAIN_NAME.fullmatch(name):
            raise ModelError(place, _("names the file {name} outside the model directory", name=repr(name)), distrust)
        size = entry.get("size") if isinstance(entry, dict) else None
        if type(size) is not int or size < 0:
            raise _damaged(place)
        sizes[name] = size
    if len(sizes) > _MAX_FILES or sum(sizes.values()) > _MAX_BYTES:
        problem = _(
            "lists more than {files} files or {size} GB, which no training writes",
            files=_MAX_FILES,
            size=_MAX_BYTES >> 30,
        )
        raise ModelError(place, problem, distrust)
    return sizes


def _opened(path: str | Path, name: str, folder: Folder, stack: contextlib.ExitStack) -> File:
    place = Path(path) / name
    try:
        return stack.enter_context(folder.open(name))
    except FileNotFoundError:
        fix = _("copy the whole model directory again, or train the model again")
        raise ModelError(place, _("is missing"), fix) from None
    except OSError as error:
        raise _unreadable(place, error) from error


def _unreadable(place: str | Path, error: OSError) -> ModelError:
    if error.errno == errno.ELOOP:
        return ModelError(place, _("is a symbolic link, which cnlu does not follow"), _("put the file itself there"))
    problem = _("cannot be read ({reason})", reason=atomic_directory.reason(error))
    return ModelError(place, problem, _("check its permissions"))


def _content(path: str | Path, name: str, file: File, expected: dict[str, Any]) -> bytes:
    """The content of a file, with its size and checksum verified. A file of another size is not read."""
    place, size = Path(path) / name, expected["size"]
    if file.size < size:
        problem = _("is truncated ({found} of {expected} bytes)", found=file.size, expected=size)
        raise ModelError(place, problem, _("copy the file again, or train the model again"))
    try:
        content = file.read() if file.size == size else b""
    except OSError as error:
        raise _unreadable(place, error) from error
    if expected != _fingerprint(content):
        raise _damaged(place)
    return content


def _fingerprint(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def _manifest_digest(manifest: Mapping[str, Any]) -> str:
    """Checksum of the manifest's own content, which detects changes of the manifest itself."""
    canonical = json.dumps(manifest, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _own_version() -> str:
    import cnlu  # imported here because the package itself imports the runtime

    return str(getattr(cnlu, "__version__", "unknown"))
