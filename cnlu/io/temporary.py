"""Temporary folders; the next user deletes those of killed processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cnlu.interrupts import held_back

_PREFIX = "cnlu-scratch-"
_LOCK = ".lock"


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder in the system's temporary place that only this user may enter; it is deleted at the end.

    Its owner holds a lock in it, which the system gives back when a process ends, however that ends: a number of a
    process could meanwhile be another's, and means nothing in another container.
    """
    place = Path(tempfile.gettempdir())
    _remove_leftovers(place)
    folder: Path | None = None
    lock = None
    try:
        with held_back():  # an interrupt must not fall between making the folder and knowing its name
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            locked(lock)
        yield folder
    finally:
        with held_back():
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            if lock is not None:
                os.close(lock)


def _remove_leftovers(place: Path) -> None:
    if not hasattr(os, "geteuid"):  # Windows, which has no such locks either
        return
    for folder in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, or gone already
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            lock = os.open(folder / _LOCK, os.O_RDWR)
            try:
                if locked(lock):
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def locked(handle: int) -> bool:
    """Takes the lock of an open file or folder unless another has it; never so where the system has no such locks."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True
