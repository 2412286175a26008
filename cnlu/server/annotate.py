"""Appends corrected sentences to the YAML file that the server was started with.

Nothing else in the file changes (see annotated_text.py), and the file is replaced atomically. A lock file beside it
makes writers wait for each other; a writer reads the file again if another process has changed it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cnlu.data.schema import Example
from cnlu.errors import CnluError, DataError, UsageError
from cnlu.i18n import _
from cnlu.io.text_files import read_text, sweep, write_bytes
from cnlu.server.annotated_text import AlreadyAnnotated, AnnotatedText, ConflictingAnnotation

__all__ = ["AlreadyAnnotated", "AnnotatedFile", "ConflictingAnnotation", "DiskFull", "append_example", "check_file"]

LOCK_TIMEOUT = 10.0
"""Seconds to wait for another writer's lock."""

_PROBE = Example("试一试", "cnlu_probe")
_BOM = b"\xef\xbb\xbf"
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class DiskFull(CnluError):
    """The disk is full, or the user's quota is used up."""


class AnnotatedFile:
    """The file, with its content cached while no other process changes it; for one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cached: AnnotatedText | None = None
        self._cached_stat: object = None
        """What the file looked like when `_cached` was read or written."""
        self._bom = b""

    def add(self, examples: Sequence[Example]) -> Sequence[CnluError | None]:
        """Adds the examples in one write; returns None for each, or the reason why it was not added.

        The reasons: AlreadyAnnotated; ConflictingAnnotation; DataError for what Rasa's YAML cannot express; CnluError
        if the file takes no further sentences. Raises DiskFull or another CnluError if the file cannot be read or
        written; the file then stays as it was. Both name the path, so they are for the log only.
        """
        try:
            with _locked(self._path):
                text = self._read()
                outcomes: list[CnluError | None] = []
                self._cached = None  # until the write has succeeded
                for example in examples:
                    try:
                        text = text.add(example)
                        outcomes.append(None)
                    except CnluError as error:
                        outcomes.append(error)
                if None in outcomes:
                    write_bytes(self._path, self._bom + text.text.encode())
                self._cached, self._cached_stat = text, _stat_key(self._path)
                return outcomes
        except OSError as error:
            kind = DiskFull if error.errno in _DISK_FULL else CnluError
            problem = _("cannot be written ({reason})", reason=error.strerror)
            raise kind(self._path, problem, _("free some space there")) from None
        except CnluError as error:
            full = isinstance(error.__cause__, OSError) and error.__cause__.errno in _DISK_FULL
            kind = DiskFull if full else CnluError
            raise kind(error.place, error.problem, error.fix) from None

    def check(self) -> None:
        """Raises CnluError or OSError if the file cannot be appended to; deletes files left by killed writers."""
        with _locked(self._path), contextlib.suppress(AlreadyAnnotated, ConflictingAnnotation):
            self._read().add(_PROBE)

    def _read(self) -> AnnotatedText:
        """The file as it is now."""
        current = _stat_key(self._path)
        if self._cached is not None and current == self._cached_stat:
            return self._cached
        sweep(self._path)
        if not self._path.exists() or not self._path.stat().st_size:
            return AnnotatedText(self._path, "")
        with open(self._path, "rb") as stream:
            self._bom = _BOM if stream.read(3) == _BOM else b""
        try:
            return AnnotatedText(self._path, read_text(self._path))
        except DataError as error:  # not a DataError of the request: it names the path, which is for the log only
            raise CnluError(error.place, error.problem, error.fix) from None


def append_example(path: Path, example: Example) -> None:
    """Adds one example to the file; raises what `AnnotatedFile.add` returns or raises."""
    (outcome,) = AnnotatedFile(path).add([example])
    if outcome is not None:
        raise outcome


def check_file(path: Path) -> None:
    """Raises UsageError, before the server starts, if sentences cannot be appended to the file."""
    place = f"--annotate {path}"
    if path.suffix.lower() not in (".yml", ".yaml"):
        raise UsageError(place, _("corrections are written as YAML"), _("name a file that ends in .yml"))
    if not path.parent.is_dir():
        raise UsageError(place, _("its folder does not exist"), _("create it first"))
    try:
        AnnotatedFile(path).check()
    except OSError as error:
        problem = _("cannot be written there ({reason})", reason=error.strerror)
        raise UsageError(place, problem, _("choose another file")) from None
    except CnluError as error:
        raise UsageError(f"--annotate {error.place}", error.problem, error.fix) from None
    if path.exists() and not os.access(path, os.W_OK):
        raise UsageError(place, _("cannot be written"), _("check its permissions or choose another file"))


def _stat_key(path: Path) -> object:
    """A value that changes whenever the file is written; None if the file does not exist."""
    with contextlib.suppress(OSError):
        status = os.stat(path)
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
    return None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds the lock of the file, which threads, workers and other servers share.

    Raises OSError, and CnluError if another holder keeps it for LOCK_TIMEOUT seconds.
    """
    real = Path(os.path.realpath(path))
    handle = os.open(real.with_name(f".{real.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(handle, path)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, path: Path) -> None:
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                problem = _("another process has locked it for {seconds} seconds", seconds=f"{LOCK_TIMEOUT:g}")
                raise CnluError(path, problem, _("end that process")) from None
            time.sleep(0.01)
