"""Copies the starter project into a folder; existing files are never changed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu.interrupts import defer_signals

PROJECT = Path(__file__).with_name("cafe")
"""The project that is copied: the plain files of a coffee shop's bot."""


def project_files() -> list[str]:
    """The relative paths of the starter project's files."""
    return sorted(path.relative_to(PROJECT).as_posix() for path in PROJECT.rglob("*") if path.is_file())


def create(folder: Path, force: bool) -> tuple[list[str], list[str]]:
    """Writes the starter project into `folder`; returns the files that were written, and those that existed.

    Raises UsageError if `folder` is a file, cannot be written, or is not empty and `force` is not set. After an error
    or Ctrl-C, nothing of the project is left behind. With `force`, existing files stay as they are.
    """
    _check(folder, force)
    created: list[Path] = []
    written: list[str] = []
    existing: list[str] = []
    try:
        with defer_signals():  # a few small files
            for name in project_files():
                target = folder / name
                _make_folder(target.parent, created)
                (written if _write(PROJECT / name, target, created) else existing).append(name)
    except OSError as error:
        _undo(created)
        problem = _("cannot be written ({reason})", reason=error.strerror)
        raise UsageError(error.filename or folder, problem, _("choose another folder, or change this one")) from None
    except BaseException:
        _undo(created)
        raise
    return written, existing


def _check(folder: Path, force: bool) -> None:
    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError(folder, _("is a file"), _("name a folder that does not exist yet, or an empty one"))
        if not force and folder.is_dir() and any(folder.iterdir()):
            fix = _("name a new folder, or use --force, which adds the starter's files and changes no existing file")
            raise UsageError(folder, _("is not empty"), fix)
    except OSError as error:
        problem = _("cannot be read ({reason})", reason=error.strerror)
        raise UsageError(folder, problem, _("choose another folder")) from None


def _make_folder(folder: Path, created: list[Path]) -> None:
    missing = []
    while not folder.is_dir() and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir()
        created.append(path)


def _write(source: Path, target: Path, created: list[Path]) -> bool:
    """Copies the file; returns False if the target exists."""
    content = source.read_bytes()
    try:
        with open(target, "xb") as file:  # x: never overwrites, even if the file has just been created
            created.append(target)
            file.write(content)
    except FileExistsError:
        return False
    return True


def _undo(created: list[Path]) -> None:
    """Removes what was created, newest first; a folder with other files stays."""
    for path in reversed(created):
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                os.rmdir(path)
            else:
                path.unlink()
