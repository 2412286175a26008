"""Corrected sentences, appended to the one YAML file that the server was started with.

Nothing in the file is lost or changed (see annotated_text.py), and it is replaced in one step. A lock beside it makes
writers wait for each other; whoever finds that it is no longer as they left it reads it again.
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
from cnlu.io.text_files import read_text, sweep, write_bytes
from cnlu.server.annotated_text import AlreadyAnnotated, AnnotatedText, ConflictingAnnotation

__all__ = ["AlreadyAnnotated", "AnnotatedFile", "ConflictingAnnotation", "DiskFull", "append_example", "check_file"]

SOURCE = "this sentence"
"""How messages of cnlu's writer name the example."""
PATIENCE = 10.0
"""Seconds to wait for another writer's lock."""

_PROBE = Example("试一试", "cnlu_probe")
_BOM = b"\xef\xbb\xbf"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class DiskFull(CnluError):
    """The disk is full, or the user's share of it."""


class AnnotatedFile:
    """The file, and what is known of it while nobody else changes it; one thread at a time uses it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: AnnotatedText | None = None
        self._seen: object = None
        """What the file looked like when `_known` was its text."""
        self._mark = b""

    def add(self, examples: Sequence[Example]) -> Sequence[CnluError | None]:
        """Adds the examples in one writing; gives for each None, or why it is not in the file.

        The reasons: AlreadyAnnotated, ConflictingAnnotation, DataError for what Rasa's YAML cannot express, CnluError for a file
        that takes none. Raises DiskFull or another CnluError where the file cannot be read or written; none is in it
        then, and the file is as it was. These two name the path: they are for the log.
        """
        try:
            with _locked(self._path):
                text = self._read()
                outcomes: list[CnluError | None] = []
                self._known = None  # until what is added now is written
                for example in examples:
                    try:
                        text = text.add(example)
                        outcomes.append(None)
                    except CnluError as error:
                        outcomes.append(error)
                if None in outcomes:
                    write_bytes(self._path, self._mark + text.text.encode())
                self._known, self._seen = text, _look(self._path)
                return outcomes
        except OSError as error:
            raise _refusal(error, f"{self._path}: cannot be written ({error.strerror}); make room there.") from None
        except CnluError as error:
            raise _refusal(error.__cause__, str(error)) from None

    def check(self) -> None:
        """Raises CnluError or OSError for a file that cannot be appended to; deletes what killed writers left."""
        with _locked(self._path), contextlib.suppress(AlreadyAnnotated, ConflictingAnnotation):
            self._read().add(_PROBE)

    def _read(self) -> AnnotatedText:
        """The file as it is now."""
        now = _look(self._path)
        if self._known is not None and now == self._seen:
            return self._known
        sweep(self._path)
        if not self._path.exists() or not self._path.stat().st_size:
            return AnnotatedText(self._path, "")
        with open(self._path, "rb") as stream:
            self._mark = _BOM if stream.read(3) == _BOM else b""
        try:
            return AnnotatedText(self._path, read_text(self._path))
        except DataError as error:  # its sentence names the path, which is for the log
            raise CnluError(str(error)) from None


def append_example(path: Path, example: Example) -> None:
    """Adds one example to the file; raises what `AnnotatedFile.add` gives or raises."""
    (outcome,) = AnnotatedFile(path).add([example])
    if outcome is not None:
        raise outcome


def check_file(path: Path) -> None:
    """Raises UsageError, before the server starts, for a file that sentences could not be appended to."""
    if path.suffix.lower() not in (".yml", ".yaml"):
        raise UsageError(f"--annotate {path}: corrections are written as YAML; name a file that ends in .yml.")
    if not path.parent.is_dir():
        raise UsageError(f"--annotate {path}: its folder does not exist; make it first.")
    try:
        AnnotatedFile(path).check()
    except OSError as error:
        raise UsageError(f"--annotate {path}: cannot be written there ({error.strerror}); choose another.") from None
    except CnluError as error:
        raise UsageError(f"--annotate: {error}") from None
    if path.exists() and not os.access(path, os.W_OK):
        raise UsageError(f"--annotate {path}: cannot be written; check its permissions or choose another.")


def _refusal(cause: BaseException | None, message: str) -> CnluError:
    full = isinstance(cause, OSError) and cause.errno in _FULL
    return DiskFull(message) if full else CnluError(message)


def _look(path: Path) -> object:
    """What changes whenever somebody writes the file; None where there is none."""
    with contextlib.suppress(OSError):
        status = os.stat(path)
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
    return None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone with the file among all that lock it: threads, workers, other servers.

    Raises OSError, and CnluError where another one holds it for PATIENCE seconds.
    """
    real = Path(os.path.realpath(path))
    handle = os.open(real.with_name(f".{real.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(handle, path)
        yield
    finally:
        os.close(handle)


def _take(handle: int, path: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise CnluError(
                    f"{path}: another process has locked it for {PATIENCE:g} seconds; end that process."
                ) from None
            time.sleep(0.01)
