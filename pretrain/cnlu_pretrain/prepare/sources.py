"""Files, folders and compressed files as blocks of whole lines, always in the same order."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from cnlu.errors import DataError, UsageError
from cnlu.i18n import _
from cnlu.io.decompress import MEMORY, open_packed

TEXT, JSONL = ".txt", ".jsonl"
COMPRESSED = (".gz", ".xz", ".zst")
BLOCK = 1 << 20
"""Bytes read at a time; a longer line of plain text is cut."""
LONGEST_RECORD = 64 << 20
"""Maximum bytes of a JSONL line, which cannot be cut."""

_SENTENCE_ENDS = tuple(ch.encode() for ch in "。！？；")


@dataclass(frozen=True, kw_only=True)
class Block:
    """Whole lines of one file."""

    source: str
    jsonl: bool
    offset: int
    """Start in the decompressed file, in bytes"""
    line: int
    """Number of the first line, counted from 1"""
    data: bytes
    last: bool
    """Whether the file, and so a document, ends with this block"""
    cut: bool
    """Whether the last line is too long and continues in the next block"""


def expand(paths: Sequence[str | Path]) -> list[Path]:
    """The files of all paths, in order; folders are searched recursively for .txt and .jsonl (also .gz, .xz, .zst).

    Raises UsageError for a path that does not exist and for a folder without such files.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and _plain_suffix(p) in (TEXT, JSONL))
            if not inside:
                raise UsageError(
                    path, _("the folder holds no .txt or .jsonl file (also .gz, .xz, .zst)"), _("name the files")
                )
            files += inside
        elif path.exists():
            files.append(path)
        else:
            raise UsageError(path, _("no such file or folder"), _("check the path"))
    return files


def blocks(files: Sequence[Path]) -> Iterator[Block]:
    """The lines of all files in blocks. Raises DataError, naming the file, if one cannot be read."""
    for path in files:
        try:
            with _opened(path) as stream:
                yield from _file_blocks(str(path), stream, _plain_suffix(path) == JSONL)
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or _("it is damaged or cut off")
            raise DataError(path, _("the file cannot be read ({reason})", reason=reason), _("check it")) from error


def _plain_suffix(path: Path) -> str:
    """The suffix before that of the compression: .txt, .jsonl or another one."""
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
            path,
            _(".zst files need zstandard, which is not installed"),
            _("install it with: pip install 'cnlu[pretrain]'"),
        ) from error

    class Stream:
        """Reports damage with the same exception as the other compressed files."""

        def __init__(self) -> None:
            self._file = path.open("rb")
            unpacker = zstandard.ZstdDecompressor(max_window_size=MEMORY)
            self._inner = unpacker.stream_reader(self._file, read_across_frames=True)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *exc_info: object) -> None:
            self._file.close()

        def read(self, size: int) -> bytes:
            try:
                return bytes(self._inner.read(size))
            except zstandard.ZstdError as error:
                raise EOFError(str(error)) from error

    return cast(IO[bytes], Stream())


def _file_blocks(source: str, stream: IO[bytes], jsonl: bool) -> Iterator[Block]:
    offset, line = 0, 1
    pending, size = list[bytes](), 0  # chunks without a line end, joined only once one comes
    ended = False
    while not ended:
        chunk = stream.read(BLOCK)
        ended = not chunk
        pending.append(chunk)
        size += len(chunk)
        if not size or (not ended and b"\n" not in chunk and size < (LONGEST_RECORD if jsonl else BLOCK)):
            continue
        data = b"".join(pending)
        end = len(data) if ended else data.rfind(b"\n") + 1
        cut = not end
        if cut and jsonl:
            raise DataError(
                f"{source}:{line}",
                _("this line is longer than {limit} MB", limit=LONGEST_RECORD >> 20),
                _("split the record"),
            )
        end = end or _cut_position(data)
        block, pending, size = data[:end], [data[end:]], len(data) - end
        yield Block(source=source, jsonl=jsonl, offset=offset, line=line, data=block, last=ended, cut=cut)
        offset, line = offset + len(block), line + block.count(b"\n")


def _cut_position(data: bytes) -> int:
    """After the last sentence end, else before the last character, which may be incomplete."""
    position = max(data.rfind(end) + len(end) for end in _SENTENCE_ENDS)
    if position > len(_SENTENCE_ENDS[0]):
        return position
    position = len(data) - 1
    while position > len(data) - 4 and 0x80 <= data[position] < 0xC0:
        position -= 1
    return position
