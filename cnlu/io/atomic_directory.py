"""Replaces a directory atomically: at every moment either the old content or the new one is in place.

`DIR` is written as a hidden sibling, `.DIR.tmp-*`; then an old `DIR` is renamed to `.DIR.old`, the sibling to
`DIR`, and the old one is deleted. A kill between the two renames leaves only `.DIR.old`: readers use that (`locate`),
and the next writer renames it back. A lock on the parent directory lets one writer work at a time; readers never
rename, so they cannot disturb a writer.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cnlu.errors import CnluError, UsageError
from cnlu.i18n import _
from cnlu.interrupts import defer_signals

_STALE_AFTER = 3600.0
"""Seconds after which a temporary sibling is a killed writer's; a younger one may be another writer's."""


def resolve(path: str | Path) -> Path:
    """The absolute path with links resolved, so that a link to a directory is kept and its target is replaced."""
    return Path(os.path.realpath(path))


def aside(path: Path) -> Path:
    """`.DIR.old`: the path of the old directory while the new one replaces it."""
    return path.with_name(f".{path.name}.old")


def locate(path: Path) -> Path:
    """`path`, or `.DIR.old` if only that exists: a writer was killed, or is at work, between its two renames."""
    if os.path.lexists(path):
        return path
    old = aside(path)
    return old if os.path.isdir(old) else path


def write_dir(path: Path, files: Mapping[str, bytes]) -> None:
    """Writes `files` (plain names) as directory `path`, replacing an existing one as a whole.

    On OSError, Ctrl-C or any other exception the old directory is in its place and nothing else is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    try:
        temporary.mkdir()
        for name, content in files.items():
            _write_file(temporary / name, content)
        replace_dir(path, temporary)
    finally:
        with defer_signals():
            shutil.rmtree(temporary, ignore_errors=True)


def replace_dir(path: Path, fresh: Path) -> None:
    """Renames the directory `fresh`, a sibling with complete files, to `path` and deletes the one that was there.

    On OSError, Ctrl-C or any other exception the old directory is in its place.
    """
    _sync_dir(fresh)
    with _parent_lock(path.parent):
        _put_back(path)
        _sweep(path)
        with defer_signals():
            try:
                _exchange(fresh, path)
            finally:
                if os.path.lexists(path):
                    _discard(aside(path), path)
                else:
                    _put_back(path)


def check_out(path: str | Path, force: bool, kind: str, is_ours: Callable[[Path], bool]) -> None:
    """Refuses an output directory that `write_dir` should not or could not write; call it before long work.

    Raises UsageError if `path` exists and `force` is not set, if it exists and is neither empty nor, by `is_ours`, a
    `kind` ("model directory", "report") that force may replace, if it holds the working directory, and if its parent
    cannot be written.
    """
    target = resolve(path)
    if not target.name:
        raise UsageError(path, _("is the root of the file system"), _("name a directory in it with --out"))
    with _parent_lock(target.parent):  # otherwise another writer's half-renamed directory could be misjudged
        if os.path.lexists(locate(target)):
            _check_replaceable(path, target, force, kind, is_ours)
    try:
        _probe_parent(target)
    except OSError as error:
        problem = _("cannot be written there ({reason})", reason=reason(error))
        raise UsageError(path, problem, _("choose another --out or free the place")) from error


def reason(error: OSError) -> str:
    """The system's description of a failure, to be used inside a sentence."""
    return error.strerror or type(error).__name__


def could_not_write(path: str | Path, kind: str, error: OSError, cls: type[CnluError] = CnluError) -> CnluError:
    """The error, a `cls`, for a `write_dir` that failed to write a `kind` ("model", "report")."""
    if error.errno in _COLLISIONS:
        problem = _("another program replaces the {kind} at the same time", kind=_kind_name(kind))
        return cls(path, problem, _("try again when it has finished"))
    values = {"kind": _kind_name(kind), "reason": reason(error)}
    problem = _("the {kind} could not be written ({reason}) and nothing was changed", **values)
    return cls(path, problem, _("free the disk or choose another --out"))


def _kind_name(kind: str) -> str:
    """A kind of directory in the user's language."""
    names = {
        "model": _("model"),
        "model directory": _("model directory"),
        "report": _("report"),
        "split": _("split"),
        "corpus": _("corpus"),
        "encoder": _("encoder"),
    }
    return names.get(kind, kind)


_LOCK_TIMEOUT = 10.0
"""Seconds that a writer waits for the lock: a replacement takes milliseconds, but a lock may never be released."""
_COLLISIONS = (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY)
"""Errors of a rename when another writer was faster, on a file system without locks."""


@contextlib.contextmanager
def _parent_lock(parent: Path) -> Iterator[None]:
    """Holds the lock of the writers in one parent directory, if the file system can lock directories."""
    handle = None
    with contextlib.suppress(OSError, ImportError):
        import fcntl  # absent on Windows

        handle = os.open(parent, os.O_RDONLY)
        deadline = time.monotonic() + _LOCK_TIMEOUT
        while not _locked(fcntl, handle) and time.monotonic() < deadline:
            time.sleep(0.005)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _locked(fcntl: Any, handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _put_back(path: Path) -> None:
    """Renames `.DIR.old` back to `path` if a killed writer left only that."""
    current = locate(path)
    if current != path:
        with contextlib.suppress(OSError):
            os.rename(current, path)


def _check_replaceable(path: str | Path, target: Path, force: bool, kind: str, is_ours: Callable[[Path], bool]) -> None:
    current = locate(target)
    if not current.is_dir():
        raise UsageError(path, _("is a file"), _("choose a directory that does not exist yet with --out"))
    if not force:
        raise UsageError(path, _("exists already"), _("choose another --out or replace it with --force"))
    working_directory = resolve(os.curdir)
    if target == working_directory or target in working_directory.parents:
        raise UsageError(path, _("holds the working directory"), _("go elsewhere or choose another --out"))
    if any(current.iterdir()) and not is_ours(current):
        problem = _("is not a {kind}, so --force will not replace it", kind=_kind_name(kind))
        raise UsageError(path, problem, _("choose another --out or delete it"))


def _probe_parent(path: Path) -> None:
    """Creates and removes a directory where `path` would be written; raises OSError if that fails."""
    parent = path.parent
    while not os.path.lexists(parent):
        parent = parent.parent
    probe = parent / _temporary(path).name
    with defer_signals():
        probe.mkdir()
        probe.rmdir()


def _exchange(temporary: Path, path: Path) -> None:
    """Renames `path` to `.DIR.old`, and `temporary` to `path`."""
    for attempt in range(3):
        if os.path.lexists(path):
            _discard(aside(path), path)
            os.rename(path, aside(path))
        try:
            os.rename(temporary, path)
            break
        except OSError:
            # Without locks another writer can come between the two renames: try again.
            if attempt == 2 or not os.path.lexists(path):
                raise
    _sync_dir(path.parent)


def _sweep(path: Path) -> None:
    """Deletes leftovers of killed writers beside an intact `path`."""
    if os.path.lexists(path):
        _discard(aside(path), path)
    prefix = _prefix(path)
    for sibling in path.parent.iterdir():
        if sibling.name.startswith(prefix):
            with contextlib.suppress(OSError):
                if time.time() - sibling.stat().st_mtime > _STALE_AFTER:
                    shutil.rmtree(sibling, ignore_errors=True)


def _discard(old: Path, path: Path) -> None:
    """Deletes an old directory; renames it first, so that its remains are never taken for `.DIR.old`."""
    discarded = _temporary(path)
    with contextlib.suppress(OSError):
        os.rename(old, discarded)
        shutil.rmtree(discarded, ignore_errors=True)


def _prefix(path: Path) -> str:
    return f".{path.name}.tmp-"


def _temporary(path: Path) -> Path:
    return path.with_name(_prefix(path) + secrets.token_hex(4))


def _write_file(path: Path, content: bytes) -> None:
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_dir(path: Path) -> None:
    """Flushes the directory's entries to disk if the system can; the contents of the files are already there."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
