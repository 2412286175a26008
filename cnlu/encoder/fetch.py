"""Fetch an encoder: into its hub's cache, or as a directory that can be carried to another machine."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from cnlu.encoder.files import CARD_FILES, files_to_download, is_complete
from cnlu.encoder.source import download, local_copy, local_directory
from cnlu.errors import CnluError, DataError
from cnlu.i18n import _
from cnlu.io.atomic_directory import check_out, could_not_write, replace_dir, resolve


def fetch(source: str, out: Path | None, force: bool, log: Callable[[str], None]) -> Path:
    """The directory of the encoder, downloaded if it is not on this machine; with `out`, a copy of it there.

    The files for `out` arrive in a hidden sibling, `.DIR.partial-*`. It keeps what an interrupted download of the same
    encoder has received. Raises UsageError or DataError if the encoder or `out` cannot be had.
    """
    if out is None:
        return local_directory(source)
    check_out(out, force, "encoder", lambda folder: (folder / "config.json").exists())
    target = resolve(out)
    partial = target.with_name(f".{target.name}.partial-{hashlib.sha256(source.encode()).hexdigest()[:8]}")
    local = local_copy(source)
    try:
        if local is not None:
            _copy(local, partial)
        else:
            _download(source, partial, log)
        _finish(source, partial, target)
    except OSError as error:
        raise could_not_write(out, "encoder", error) from error
    return out


def _download(source: str, folder: Path, log: Callable[[str], None]) -> None:
    if folder.exists():
        log(_("an earlier download is continued"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        download(source, folder)
    except CnluError:
        if any(folder.iterdir()):
            log(_("run the command again to continue the download"))
        else:
            folder.rmdir()
        raise


def _copy(directory: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in _names(directory):
        shutil.copyfile(directory / name, folder / name)


def _names(directory: Path) -> list[str]:
    """The files of a directory that belong to a copy of its encoder."""
    names = [path.name for path in directory.iterdir() if path.is_file()]
    return [*files_to_download(names), *(name for name in names if name in CARD_FILES)]


def _finish(source: str, partial: Path, target: Path) -> None:
    """Renames the complete folder to its place, without the files that the clients keep in it for themselves."""
    if not is_complete(partial):
        shutil.rmtree(partial)
        problem = _("has no config.json, no complete weights or no tokenizer, so it is not an encoder")
        raise DataError(source, problem, _("name another model"))
    names = _names(partial)
    for path in partial.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in names:
            path.unlink()
    replace_dir(target, partial)
