"""A copy of the starter project in a folder of the user's; what is there already is never touched."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from cnlu.errors import UsageError
from cnlu.interrupts import held_back

PROJECT = Path(__file__).with_name("cafe")
"""The project as it is copied: plain files, a coffee shop's bot."""


def project_files() -> list[str]:
    """The starter project's files, by their paths in it."""
    return sorted(path.relative_to(PROJECT).as_posix() for path in PROJECT.rglob("*") if path.is_file())


def create(folder: Path, force: bool) -> tuple[list[str], list[str]]:
    """Write the starter project into `folder`; returns which of its files were written and which were there already.

    Raises UsageError when `folder` is a file, holds anything and `force` is not set, or cannot be written; nothing of
    the project is left behind then, nor after Ctrl-C. With `force` files that exist stay as they are.
    """
    _check(folder, force)
    made: list[Path] = []
    written: list[str] = []
    there: list[str] = []
    try:
        with held_back():  # a few small files
            for name in project_files():
                target = folder / name
                _make_folder(target.parent, made)
                (written if _write(PROJECT / name, target, made) else there).append(name)
    except OSError as error:
        _undo(made)
        raise UsageError(
            f"{error.filename or folder}: cannot be written ({error.strerror}); choose another folder or "
            "free the place."
        ) from None
    except BaseException:
        _undo(made)
        raise
    return written, there


def _check(folder: Path, force: bool) -> None:
    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder}: is a file; name a folder that does not exist yet, or an empty one.")
        if not force and folder.is_dir() and any(folder.iterdir()):
            raise UsageError(
                f"{folder}: is not empty; name a new folder, or add the starter's files to what is there "
                "with --force, which leaves every existing file as it is."
            )
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read ({error.strerror}); choose another folder.") from None


def _make_folder(folder: Path, made: list[Path]) -> None:
    missing = []
    while not folder.is_dir() and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir()
        made.append(one)


def _write(source: Path, target: Path, made: list[Path]) -> bool:
    """Whether the file was written; False where something of its name stands already."""
    content = source.read_bytes()
    try:
        with open(target, "xb") as file:  # x: never over what is there, whoever put it there meanwhile
            made.append(target)
            file.write(content)
    except FileExistsError:
        return False
    return True


def _undo(made: list[Path]) -> None:
    """Removes what was made, newest first; a folder that someone else put something into stays."""
    for path in reversed(made):
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                os.rmdir(path)
            else:
                path.unlink()
