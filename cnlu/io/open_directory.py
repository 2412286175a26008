"""Keeps a directory open while it is read, so that all files come from it even if another one replaces it.

If the system can open files relative to a directory's handle (Windows cannot), it does. Only regular files are read:
links are not followed, and pipes and devices are refused.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

_BY_HANDLE = os.open in os.supports_dir_fd and hasattr(os, "O_DIRECTORY")
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

Identity = tuple[int, int]
"""Device and inode; unique while the directory is open."""


class Folder:
    """An open directory; a context manager. Raises OSError if it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY) if _BY_HANDLE else None
        status = os.stat(path if self._handle is None else self._handle)
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        self.identity: Identity = (status.st_dev, status.st_ino)

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            os.close(self._handle)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[File]:
        """Opens a regular file of the directory by its name. Raises OSError, also for anything but a regular file."""
        if self._handle is not None:
            handle = os.open(name, _FLAGS, dir_fd=self._handle)
        else:
            handle = os.open(self._path / name, _FLAGS)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file")
            yield File(handle, status.st_size)
        finally:
            os.close(handle)


class File:
    """An open regular file and its size in bytes."""

    def __init__(self, handle: int, size: int) -> None:
        self._handle, self.size = handle, size

    def read(self) -> bytes:
        """The bytes up to the size it had when it was opened; fewer if it has shrunk. Raises OSError."""
        parts, remaining = [], self.size
        while remaining and (part := os.read(self._handle, min(remaining, 1 << 24))):
            parts.append(part)
            remaining -= len(part)
        return b"".join(parts)


def identity(path: Path) -> Identity | None:
    """The identity of what is at `path` now; None if nothing is."""
    with contextlib.suppress(OSError):
        status = os.stat(path)
        return status.st_dev, status.st_ino
    return None
