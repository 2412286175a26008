"""Temporary folders; those of killed processes are deleted when the next one is created."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cnlu.interrupts import defer_signals

_PREFIX = "cnlu-scratch-"
_LOCK = ".lock"


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder in the system's temporary directory that only this user can enter; it is deleted at the end.

    Its process holds a lock in it, which the system releases when the process ends for any reason. A process ID would
    not do: the system reuses it, and it means nothing in another container.
    """
    place = Path(tempfile.gettempdir())
    _remove_leftovers(place)
    folder: Path | None = None
    lock = None
    try:
        with defer_signals():  # an interrupt must not come between creating the folder and storing its name
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            locked(lock)
        yield folder
    finally:
        with defer_signals():
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
    """Tries to lock an open file or folder; False if another process holds the lock or the system has no such locks."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True
