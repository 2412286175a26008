"""Reads compressed files of any size as streams of bytes, in bounded memory."""

from __future__ import annotations

import gzip
import io
import lzma
from pathlib import Path
from typing import IO, cast

from cnlu.errors import DataError
from cnlu.i18n import _

MEMORY = 256 << 20
"""Maximum memory, in bytes, to unpack a .xz file; `xz -9` needs 65 MB."""
_CHUNK = 1 << 16


def open_packed(path: Path) -> IO[bytes]:
    """Opens a file for reading; a .gz or .xz file is unpacked as it is read.

    Reading raises OSError, EOFError, zlib.error or lzma.LZMAError for a damaged file, DataError for a .xz file that
    asks for more than MEMORY.
    """
    kind = path.suffix.lower()
    if kind == ".gz":
        return cast(IO[bytes], gzip.open(path))
    return cast(IO[bytes], io.BufferedReader(_Xz(path))) if kind == ".xz" else path.open("rb")


class _Xz(io.RawIOBase):
    """Like lzma.LZMAFile, but with a memory limit."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, path.open("rb")
        self._decompressor, self._rest = self._new_decompressor(), b""

    @staticmethod
    def _new_decompressor() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(memlimit=MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        target = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = self._next(len(target))
        target[: len(data)] = data
        return len(data)

    def _next(self, most: int) -> bytes:
        """Up to `most` unpacked bytes; none at the end. A file may hold several streams, with zeros between them."""
        while True:
            if self._decompressor.eof:
                self._rest = self._decompressor.unused_data.lstrip(b"\0")
                while not self._rest:
                    if not (read := self._file.read(_CHUNK)):
                        return b""
                    self._rest = read.lstrip(b"\0")
                self._decompressor = self._new_decompressor()
            elif self._decompressor.needs_input and not self._rest:
                self._rest = self._file.read(_CHUNK)
                if not self._rest:
                    raise EOFError("the file ends in the middle")
            data, self._rest = self._unpack(most), b""
            if data:
                return data

    def _unpack(self, most: int) -> bytes:
        try:
            return self._decompressor.decompress(self._rest, most)
        except lzma.LZMAError as error:
            if "memory usage limit" not in str(error).lower():
                raise
            problem = _("unpacking it needs more than {size} MB of memory", size=MEMORY >> 20)
            raise DataError(self._path, problem, _("pack it with xz -9 or less")) from None

    def close(self) -> None:
        self._file.close()
        super().close()
