"""The model directory: plain files and a manifest with their checksums; written whole, read verified."""

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
from cnlu.io import atomic_directory
from cnlu.io.open_directory import File, Folder, identity

FORMAT = 3
"""Raised when a directory written from now on could not be read by an older cnlu, or means another thing to it.

2: features and tags stand for the characters of cnlu/text/view.py; in 1 they stood for all of them."""

MANIFEST = "manifest.json"

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
"""Names of files: no separators, no `..`, no drive, nothing hidden, so none can lead out of the directory."""

_OWN_KEYS = ("format", "cnlu", "files", "sha256")


@dataclass(frozen=True)
class ModelFiles:
    """A verified model directory, in memory."""

    path: Path
    """As it was named, for messages."""
    manifest: dict[str, Any]
    """The manifest as written, `manifest_extra` included."""
    files: dict[str, bytes]
    """Name -> content, checksums verified; the manifest itself is not among them."""


def write_model_dir(
    path: str | Path, files: Mapping[str, bytes], manifest_extra: Mapping[str, Any], force: bool = False
) -> None:
    """Writes a model directory of `files` (plain ASCII names) and its manifest, as a whole or not at all.

    The same arguments give the same bytes: nothing in it tells time or place. `manifest_extra` is JSON data
    whose keys stand beside the manifest's own. Raises UsageError as `check_out` does, ModelError when the
    disk refuses.
    """
    bad = [name for name in files if not _PLAIN_NAME.fullmatch(name) or name == MANIFEST]
    clash = [key for key in manifest_extra if key in _OWN_KEYS]
    if bad or clash:
        raise ValueError(f"not usable in a model directory: files {bad}, manifest keys {clash}")
    check_out(path, force)
    target = atomic_directory.resolve(path)
    listed = {name: _fingerprint(files[name]) for name in sorted(files)}
    manifest = {**manifest_extra, "format": FORMAT, "cnlu": _own_version(), "files": listed}
    manifest = json.loads(json.dumps(manifest))  # as a reader will see it: keys are strings, tuples lists
    text = json.dumps({**manifest, "sha256": _seal(manifest)}, ensure_ascii=True, indent=1, sort_keys=True)
    try:
        atomic_directory.write_dir(target, {**files, MANIFEST: (text + "\n").encode()})
    except OSError as error:
        raise atomic_directory.could_not_write(path, "model", error, ModelError) from error


def check_out(path: str | Path, force: bool = False) -> None:
    """Refuses, before long work starts, an output directory that could not be written in the end.

    Raises UsageError when `path` exists and `force` is not set, when it exists and is no model directory
    (force replaces models, nothing else), and when its parent cannot be written.
    """
    atomic_directory.check_out(path, force, "model directory", is_model_dir)


def is_model_dir(target: Path) -> bool:
    """Whether cnlu wrote this directory, whatever its format; many programs have a manifest.json."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        with Folder(target) as folder, folder.open(MANIFEST) as file:
            manifest = json.loads(file.read() if file.size <= _MOST_MANIFEST else b"")
        return isinstance(manifest, dict) and "cnlu" in manifest and "format" in manifest
    return False


def has_encoder(path: str | Path) -> bool:
    """Whether a model directory, if it is one, holds a pretrained encoder."""
    return os.path.lexists(atomic_directory.locate(atomic_directory.resolve(path)) / "tokens.json")


def read_model_dir(path: str | Path) -> ModelFiles:
    """Reads and verifies a model directory; the one aside if a kill fell into its replacement.

    All files come out of one directory, though trainings may replace it meanwhile. No file is opened but the manifest
    and what it lists. Raises ModelError when it is missing, of another format, or when a file is missing, truncated or
    altered. Files that the manifest does not name are left alone.
    """
    target = atomic_directory.resolve(path)
    for attempt in range(_TRIES):
        found = atomic_directory.locate(target)
        try:
            with Folder(found) as folder:
                try:
                    return _read(path, folder)
                except ModelError:
                    # A directory that was replaced and is being deleted looks damaged: read the new one.
                    if attempt == _TRIES - 1 or identity(atomic_directory.locate(target)) == folder.identity:
                        raise
        except FileNotFoundError:
            if attempt >= _MISSING:
                raise ModelError(
                    f"{path}: there is no such directory, train a model there with `cnlu train`."
                ) from None
            time.sleep(0.001)  # between a writer's two renames the name may be missing for a moment
        except NotADirectoryError:
            raise ModelError(f"{path}: is a file, name the directory that `cnlu train` wrote.") from None
        except OSError as error:
            raise ModelError(
                f"{path}: cannot be read ({atomic_directory.reason(error)}), check its permissions."
            ) from error
    raise AssertionError("the last try returns or raises")


_TRIES = 50
"""Replacements during one load until it gives up; each costs a try only if it comes before all files are open."""
_MISSING = 3


def _read(path: str | Path, folder: Folder) -> ModelFiles:
    manifest = _read_manifest(path, folder)
    sizes = _listed(path, manifest)
    with contextlib.ExitStack() as stack:
        opened = {name: _opened(path, name, folder, stack) for name in sizes}  # all before any: then none can go
        files = {name: _content(path, name, file, manifest["files"][name]) for name, file in opened.items()}
    return ModelFiles(Path(path), manifest, files)


def _read_manifest(path: str | Path, folder: Folder) -> dict[str, Any]:
    """The manifest, its own checksum verified."""
    place = Path(path) / MANIFEST
    try:
        with folder.open(MANIFEST) as file:
            if file.size > _MOST_MANIFEST:
                raise ModelError(f"{place}: is larger than {_MOST_MANIFEST >> 20} MB, so it is not a cnlu model's.")
            manifest = json.loads(file.read())
    except FileNotFoundError:
        raise ModelError(
            f"{path}: is not a model directory (it has no {MANIFEST}), name one that `cnlu train` wrote."
        ) from None
    except OSError as error:
        raise ModelError(_unreadable(place, error)) from error
    except (ValueError, RecursionError):
        raise ModelError(f"{place}: {_DAMAGED}") from None
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if type(version) is not int or version < 1 or "cnlu" not in manifest:
        raise ModelError(f"{place}: is not a cnlu model's manifest, name one that `cnlu train` wrote.")
    if version > FORMAT:
        raise ModelError(
            f"{path}: was made by a newer cnlu (format {version}, written by {manifest['cnlu']}; this one "
            f"reads format {FORMAT}), upgrade with `pip install --upgrade cnlu` or train the model again."
        )
    if version < FORMAT:
        raise ModelError(
            f"{path}: was made by an older cnlu (format {version}, written by {manifest['cnlu']}; this one "
            f"reads format {FORMAT}), which names things otherwise; train the model again."
        )
    seal = manifest.get("sha256")
    body = {key: value for key, value in manifest.items() if key != "sha256"}
    if seal != _seal(body) or not isinstance(manifest.get("files"), dict):
        raise ModelError(f"{place}: {_DAMAGED}")
    return manifest


_DAMAGED = "is damaged or was changed after training, copy the directory again or train again."
_MOST_MANIFEST = 1 << 20
_MOST_FILES = 64
_MOST_BYTES = 4 << 30
"""Of all files together. An ONNX graph, which is nearly all of a model, cannot have more than 2 GB."""


def _listed(path: str | Path, manifest: dict[str, Any]) -> dict[str, int]:
    """Names and sizes of the files of a manifest, none of which leads out of the directory or is beyond measure."""
    place = Path(path) / MANIFEST
    sizes: dict[str, int] = {}
    for name, about in manifest["files"].items():
        if not _PLAIN_NAME.fullmatch(name):
            raise ModelError(
                f"{place}: names the file {name!r} outside the model directory; "
                "do not trust this model, train it again."
            )
        size = about.get("size") if isinstance(about, dict) else None
        if type(size) is not int or size < 0:
            raise ModelError(f"{place}: {_DAMAGED}")
        sizes[name] = size
    if len(sizes) > _MOST_FILES or sum(sizes.values()) > _MOST_BYTES:
        raise ModelError(
            f"{place}: lists more than {_MOST_FILES} files or {_MOST_BYTES >> 30} GB, as no training "
            "writes them; do not trust this model, train it again."
        )
    return sizes


def _opened(path: str | Path, name: str, folder: Folder, stack: contextlib.ExitStack) -> File:
    place = Path(path) / name
    try:
        return stack.enter_context(folder.open(name))
    except FileNotFoundError:
        raise ModelError(f"{place}: is missing, copy the whole directory again or train again.") from None
    except OSError as error:
        raise ModelError(_unreadable(place, error)) from error


def _unreadable(place: Path, error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return f"{place}: is a symbolic link, which is not followed; put the file itself there."
    return f"{place}: cannot be read ({atomic_directory.reason(error)}), check its permissions."


def _content(path: str | Path, name: str, file: File, expected: dict[str, Any]) -> bytes:
    """One file's content, size and checksum verified; a file of another size is not read at all."""
    place, size = Path(path) / name, expected["size"]
    if file.size < size:
        raise ModelError(f"{place}: is truncated ({file.size} of {size} bytes), copy it again or train again.")
    try:
        content = file.read() if file.size == size else b""
    except OSError as error:
        raise ModelError(_unreadable(place, error)) from error
    if expected != _fingerprint(content):
        raise ModelError(f"{place}: {_DAMAGED}")
    return content


def _fingerprint(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def _seal(manifest: Mapping[str, Any]) -> str:
    """Checksum of the manifest's own content, so that a flipped bit in a setting is seen too."""
    canonical = json.dumps(manifest, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _own_version() -> str:
    import cnlu  # here, because the package's own front door imports the runtime

    return str(getattr(cnlu, "__version__", "unknown"))
