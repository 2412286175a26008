"""Reads compressed files as streams of bytes with bounded memory, whatever their size."""

from __future__ import annotations

import gzip
import io
import lzma
from pathlib import Path
from typing import IO, cast

from cnlu.errors import DataError
from cnlu.i18n import _

MEMORY = 256 << 20
"""Bytes that unpacking a .xz file may ask for; `xz -9` needs 65 MB."""
_CHUNK = 1 << 16


def open_packed(path: Path) -> IO[bytes]:
    """A .gz or .xz file unpacked while it is read, any other file as it is.

    Reading raises OSError, EOFError, zlib.error or lzma.LZMAError for a damaged file, DataError for a .xz file that
    asks for more than MEMORY.
    """
    kind = path.suffix.lower()
    if kind == ".gz":
        return cast(IO[bytes], gzip.open(path))
    return cast(IO[bytes], io.BufferedReader(_Xz(path))) if kind == ".xz" else path.open("rb")


class _Xz(io.RawIOBase):
    """As lzma.LZMAFile, but with a limit on the memory that a file may ask for."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, path.open("rb")
        self._unpacker, self._rest = self._fresh(), b""

    @staticmethod
    def _fresh() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(memlimit=MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        target = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        found = self._next(len(target))
        target[: len(found)] = found
        return len(found)

    def _next(self, most: int) -> bytes:
        """Up to `most` unpacked bytes, none at the end. Streams may follow each other, zeros between them."""
        while True:
            if self._unpacker.eof:
                self._rest = self._unpacker.unused_data.lstrip(b"\0")
                while not self._rest:
                    if not (read := self._file.read(_CHUNK)):
                        return b""
                    self._rest = read.lstrip(b"\0")
                self._unpacker = self._fresh()
            elif self._unpacker.needs_input and not self._rest:
                self._rest = self._file.read(_CHUNK)
                if not self._rest:
                    raise EOFError("the file ends in the middle")
            found, self._rest = self._unpack(most), b""
            if found:
                return found

    def _unpack(self, most: int) -> bytes:
        try:
            return self._unpacker.decompress(self._rest, most)
        except lzma.LZMAError as error:
            if "memory usage limit" not in str(error).lower():
                raise
            problem = _("unpacking it needs more than {size} MB of memory", size=MEMORY >> 20)
            raise DataError(self._path, problem, _("pack it with xz -9 or less")) from None

    def close(self) -> None:
        self._file.close()
        super().close()
