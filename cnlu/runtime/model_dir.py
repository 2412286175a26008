"""The model directory: plain files and a manifest with their checksums; written whole, read verified."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnlu.data import swap
from cnlu.errors import ModelError

FORMAT = 1
"""Raised when a directory written from now on could not be read by an older cnlu."""

MANIFEST = "manifest.json"

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
"""Names of files: no separators, no `..`, no drive, nothing hidden, so none can lead out of the directory."""

_OWN_KEYS = ("format", "cnlu", "files", "sha256")


@dataclass(frozen=True)
class ModelFiles:
    """A verified model directory, in memory."""

    path: Path
    """Where it was read from, for messages."""
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
    target = swap.resolve(path)
    listed = {name: _fingerprint(files[name]) for name in sorted(files)}
    manifest = {**manifest_extra, "format": FORMAT, "cnlu": _own_version(), "files": listed}
    manifest = json.loads(json.dumps(manifest))  # as a reader will see it: keys are strings, tuples lists
    text = json.dumps({**manifest, "sha256": _seal(manifest)}, ensure_ascii=True, indent=1, sort_keys=True)
    try:
        swap.write_dir(target, {**files, MANIFEST: (text + "\n").encode()})
    except OSError as error:
        raise ModelError(
            f"{path}: the model could not be written ({swap.reason(error)}) and nothing was changed: "
            "free the disk or choose another --out."
        ) from error


def check_out(path: str | Path, force: bool = False) -> None:
    """Refuses, before long work starts, an output directory that could not be written in the end.

    Raises UsageError when `path` exists and `force` is not set, when it exists and is no model directory
    (force replaces models, nothing else), and when its parent cannot be written.
    """
    swap.check_out(path, force, "model directory", is_model_dir)


def is_model_dir(target: Path) -> bool:
    """Whether cnlu wrote this directory, whatever its format; many programs have a manifest.json."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        manifest = json.loads((target / MANIFEST).read_bytes())
        return isinstance(manifest, dict) and "cnlu" in manifest and "format" in manifest
    return False


def has_encoder(path: str | Path) -> bool:
    """Whether a model directory, if it is one, holds a pretrained encoder."""
    return os.path.lexists(swap.locate(swap.resolve(path)) / "tokens.json")


def read_model_dir(path: str | Path) -> ModelFiles:
    """Reads and verifies a model directory; the one aside if a kill fell into its replacement.

    Raises ModelError when it is missing, of a newer format, or when a file is missing, truncated or
    altered. Files that the manifest does not name are left alone.
    """
    target = swap.resolve(path)
    for _ in range(3):
        found = swap.locate(target)
        before = _identity(found)
        try:
            return _read(path, found)
        except ModelError:
            # A training that replaces the model while it is read looks like damage: read the new one.
            if _identity(swap.locate(target)) == before:
                raise
    return _read(path, swap.locate(target))


def _identity(path: Path) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        status = os.stat(path)
        return status.st_dev, status.st_ino
    return None


def _read(path: str | Path, directory: Path) -> ModelFiles:
    manifest = _read_manifest(path, directory)
    listed = manifest["files"]
    files = {name: _read_file(path, directory, name, listed) for name in listed}
    return ModelFiles(directory, manifest, files)


def _read_manifest(path: str | Path, directory: Path) -> dict[str, Any]:
    """The manifest, its own checksum verified."""
    if not os.path.lexists(directory):
        raise ModelError(f"{path}: there is no such directory, train a model there with `cnlu train`.")
    if not directory.is_dir():
        raise ModelError(f"{path}: is a file, name the directory that `cnlu train` wrote.")
    place = Path(path) / MANIFEST
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise ModelError(
            f"{path}: is not a model directory (it has no {MANIFEST}), name one that `cnlu train` wrote."
        ) from None
    except OSError as error:
        raise ModelError(f"{place}: cannot be read ({swap.reason(error)}), check its permissions.") from error
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
    seal = manifest.get("sha256")
    body = {key: value for key, value in manifest.items() if key != "sha256"}
    if seal != _seal(body) or not isinstance(manifest.get("files"), dict):
        raise ModelError(f"{place}: {_DAMAGED}")
    return manifest


_DAMAGED = "is damaged or was changed after training, copy the directory again or train again."


def _read_file(path: str | Path, directory: Path, name: str, listed: dict[str, Any]) -> bytes:
    """One file's content, size and checksum verified."""
    place = Path(path) / name
    if not _PLAIN_NAME.fullmatch(name):
        raise ModelError(
            f"{Path(path) / MANIFEST}: names the file {name!r} outside the model directory; "
            "do not trust this model, train it again."
        )
    try:
        content = (directory / name).read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{place}: is missing, copy the whole directory again or train again.") from None
    except OSError as error:
        raise ModelError(f"{place}: cannot be read ({swap.reason(error)}), check its permissions.") from error
    expected = listed[name]
    size = expected.get("size") if isinstance(expected, dict) else None
    if isinstance(size, int) and len(content) < size:
        raise ModelError(
            f"{place}: is truncated ({len(content)} of {size} bytes), copy it again or train again."
        )
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
