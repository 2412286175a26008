"""Files, folders, compressed files and standard input as blocks of whole lines, in an order that never changes."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from cnlu.errors import DataError, UsageError
from cnlu.io.decompress import MEMORY, open_packed

TEXT, JSONL = ".txt", ".jsonl"
COMPRESSED = (".gz", ".xz", ".zst")
BLOCK = 1 << 20
"""Bytes read at a time; a line of plain text longer than this is cut."""
LONGEST_RECORD = 64 << 20
"""Bytes of a JSONL line, which cannot be cut."""

_SENTENCE_ENDS = tuple(mark.encode() for mark in "。！？；")


@dataclass(frozen=True)
class Block:
    """Whole lines of one file."""

    source: str
    jsonl: bool
    offset: int
    """Where in the (unpacked) file it starts, in bytes"""
    line: int
    """The number of its first line, from 1"""
    data: bytes
    last: bool
    """The file ends with it, and so does a document"""
    cut: bool
    """Its last line goes on in the next block, being too long"""


def expand(paths: Sequence[str | Path]) -> list[Path]:
    """The files of all paths, folders searched for .txt and .jsonl (also .gz, .xz, .zst) at every depth, in order.

    Raises UsageError for a path that is not there and for a folder without any.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and _plain_suffix(p) in (TEXT, JSONL))
            if not inside:
                raise UsageError(f"{path}: holds no .txt or .jsonl file (also .gz, .xz, .zst); name the files.")
            files += inside
        elif path.exists():
            files.append(path)
        else:
            raise UsageError(f"{path}: there is no such file or folder; check the path.")
    return files


def blocks(files: Sequence[Path]) -> Iterator[Block]:
    """All files' lines in blocks. Raises DataError, naming the file, for what cannot be read."""
    for path in files:
        try:
            with _opened(path) as stream:
                yield from _file_blocks(str(path), stream, _plain_suffix(path) == JSONL)
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or "it is damaged or cut off"
            raise DataError(f"{path}: the file cannot be read ({reason}); check it.") from error


def _plain_suffix(path: Path) -> str:
    """.jsonl or .txt or whatever else, without the suffix of a compressed file."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _opened(path: Path) -> IO[bytes]:
    return _zstd(path) if path.suffix.lower() == ".zst" else open_packed(path)


def _zstd(path: Path) -> IO[bytes]:
    try:
        import zstandard
    except ImportError as error:
        raise UsageError(
            f"{path}: .zst files need zstandard, which is not installed; install it with: pip install 'cnlu[pretrain]'."
        ) from error

    class Stream:
        """Reports damage as the other kinds of files do."""

        def __init__(self) -> None:
            self._file = path.open("rb")
            unpacker = zstandard.ZstdDecompressor(max_window_size=MEMORY)
            self._inner = unpacker.stream_reader(self._file, read_across_frames=True)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def read(self, size: int) -> bytes:
            try:
                return bytes(self._inner.read(size))
            except zstandard.ZstdError as error:
                raise EOFError(str(error)) from error

    return cast(IO[bytes], Stream())


def _file_blocks(source: str, stream: IO[bytes], jsonl: bool) -> Iterator[Block]:
    offset, line = 0, 1
    held, size = list[bytes](), 0  # what is read and not given yet, joined only once a line ends
    ended = False
    while not ended:
        chunk = stream.read(BLOCK)
        ended = not chunk
        held.append(chunk)
        size += len(chunk)
        if not size or (not ended and b"\n" not in chunk and size < (LONGEST_RECORD if jsonl else BLOCK)):
            continue
        data = b"".join(held)
        end = len(data) if ended else data.rfind(b"\n") + 1
        cut = not end
        if cut and jsonl:
            raise DataError(f"{source}:{line}: this line is longer than {LONGEST_RECORD >> 20} MB; split the record.")
        end = end or _cutting_place(data)
        block, held, size = data[:end], [data[end:]], len(data) - end
        yield Block(source, jsonl, offset, line, block, ended, cut)
        offset, line = offset + len(block), line + block.count(b"\n")


def _cutting_place(data: bytes) -> int:
    """Behind the last end of a sentence, else before the last character, which may be incomplete."""
    place = max(data.rfind(mark) + len(mark) for mark in _SENTENCE_ENDS)
    if place > len(_SENTENCE_ENDS[0]):
        return place
    place = len(data) - 1
    while place > len(data) - 4 and 0x80 <= data[place] < 0xC0:
        place -= 1
    return place
