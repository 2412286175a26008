"""Reading a user's text file and writing one: strict UTF-8 in, all or nothing out."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cnlu.errors import CnluError, DataError
from cnlu.interrupts import held_back


def read_text(path: Path) -> str:
    """The file as text, its byte order mark removed.

    Raises DataError when the file is missing, unreadable, or not UTF-8 (naming line and byte).
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file; check the path.") from None
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read ({error.strerror}); check what it is and its "
                        f"permissions.") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # `utf-8-sig` counts its positions after the mark.
        at = error.start + (3 if raw.startswith(b"\xef\xbb\xbf") else 0)
        line = raw.count(b"\n", 0, at) + 1
        raise DataError(f"{path}:{line}: byte {at} (0x{raw[at]:02X}) is not valid UTF-8; save the file "
                        f"as UTF-8 (it may be in GBK or UTF-16).") from None


def write_bytes(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step: readers see the old file or the new one, never a part.

    Raises CnluError when the place cannot be written; the old file is then untouched.
    """
    # Through a symlink the file behind it is replaced, not the link.
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        try:
            with open(temporary, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, target)
        finally:
            with held_back():
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise CnluError(f"{path}: the file cannot be written ({error.strerror}); choose another place or "
                        f"make room there.") from None


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A folder that is gone afterwards, also where an interrupt falls into its making or its removal."""
    folder: Path | None = None
    try:
        with held_back():
            folder = Path(tempfile.mkdtemp(prefix=prefix))
        yield folder
    finally:
        if folder is not None:
            with held_back():
                shutil.rmtree(folder, ignore_errors=True)
