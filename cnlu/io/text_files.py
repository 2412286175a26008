"""Reads text files as strict UTF-8 within limits, and writes files atomically."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from cnlu.errors import CnluError, DataError
from cnlu.i18n import _
from cnlu.interrupts import defer_signals
from cnlu.io.limits import LARGEST_FILE, LONGEST_LINE

_CHUNK = 1 << 20

TEMPORARY = ".tmp"
STALE_AFTER = 3600.0
"""Seconds after which a temporary file is a killed writer's; a younger one may be another writer's."""


def read_text(path: Path) -> str:
    """The file as text, its byte order mark removed.

    Raises DataError when the file is missing, unreadable, larger than LARGEST_FILE, not UTF-8 (naming line and byte),
    or has a line longer than LONGEST_LINE.
    """
    try:
        raw = _read(path)
    except FileNotFoundError:
        raise DataError(path, _("there is no such file"), _("check the path")) from None
    except OSError as error:
        problem = _("the file cannot be read ({reason})", reason=error.strerror)
        raise DataError(path, problem, _("check what it is and its permissions")) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # `utf-8-sig` counts its positions after the mark.
        at = error.start + (3 if raw.startswith(b"\xef\xbb\xbf") else 0)
        line = raw.count(b"\n", 0, at) + 1
        problem = _("byte {position} ({byte}) is not valid UTF-8", position=at, byte=f"0x{raw[at]:02X}")
        fix = _("save the file as UTF-8 (it may be in GBK or UTF-16)")
        raise DataError(f"{path}:{line}", problem, fix) from None
    _refuse_long_lines(text, path)
    return text


def _read(path: Path) -> bytearray:
    """The file's bytes; reading stops at the limit even if the size is unknown, as for a pipe."""
    raw = bytearray()
    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        while max(size, len(raw)) <= LARGEST_FILE:
            if not (chunk := stream.read(_CHUNK)):
                return raw
            raw += chunk
    problem = _("the file is larger than {size} MB, the most that is read at once", size=LARGEST_FILE >> 20)
    raise DataError(path, problem, _("split it into several files"))


def _refuse_long_lines(text: str, path: Path) -> None:
    start = 0
    while len(text) - start > LONGEST_LINE:
        end = text.rfind("\n", start, start + LONGEST_LINE + 1)
        if end < 0:
            most = f"{LONGEST_LINE:,}"
            problem = _("this line is longer than {most} characters, the most that is read", most=most)
            raise _long_line(path, text.count("\n", 0, start) + 1, problem)
        start = end + 1


def _long_line(path: str | Path, number: int, problem: str) -> DataError:
    return DataError(f"{path}:{number}", problem, _("split it, or check what the file is"))


def bounded_lines(stream: IO[bytes], path: str | Path) -> Iterator[tuple[int, bytes]]:
    """Yields (number from 1, line) of a stream. Raises DataError for a line of more than 4 * LONGEST_LINE bytes."""
    most = 4 * LONGEST_LINE  # a character has four bytes at most
    number = 1
    while line := stream.readline(most + 1):
        if len(line) > most:
            problem = _("this line is longer than {most} bytes, the most that is read", most=f"{most:,}")
            raise _long_line(path, number, problem)
        yield number, line
        number += 1


def write_bytes(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step: readers see the old file or the new one, never a part.

    A new file has the permissions of the user's umask, an old one keeps its own; while it is being written, only its
    owner can read it. Leftovers of writers that were killed long ago are deleted.
    Raises CnluError if the file cannot be written; the old one is then untouched.
    """
    # Through a symlink the file behind it is replaced, not the link.
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY}")
    try:
        _sweep(target, STALE_AFTER)
        try:
            with open(temporary, "xb") as stream:
                mode = os.stat(target if target.exists() else temporary).st_mode
                _permit(temporary, 0o600)  # it holds a user's text, and a killed writer leaves it behind
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            _permit(temporary, stat.S_IMODE(mode))
            os.replace(temporary, target)
        finally:
            with defer_signals():
                temporary.unlink(missing_ok=True)
    except OSError as error:
        problem = _("the file cannot be written ({reason})", reason=error.strerror)
        raise CnluError(path, problem, _("choose another place or make room there")) from error


def _permit(path: Path, mode: int) -> None:
    with contextlib.suppress(OSError):  # some file systems have no permissions
        os.chmod(path, mode)


def sweep(path: Path) -> None:
    """Deletes leftovers of killed writers beside the file. Call it only when no other process writes the file."""
    _sweep(Path(os.path.realpath(path)), 0.0)


def _sweep(target: Path, age: float) -> None:
    for leftover in target.parent.glob(f".{glob.escape(target.name)}.[0-9]*{TEMPORARY}"):
        with contextlib.suppress(OSError):
            if time.time() - leftover.stat().st_mtime >= age:
                leftover.unlink()
