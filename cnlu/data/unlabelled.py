"""Unlabelled sentences: text files with one sentence per line, plain or compressed, and texts of example files."""

from __future__ import annotations

import hashlib
import heapq
import lzma
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cnlu.config import DataConfig
from cnlu.data.limits import check_text_length
from cnlu.data.load import load_data
from cnlu.data.schema import Example
from cnlu.errors import DataError
from cnlu.i18n import _
from cnlu.io.decompress import open_packed
from cnlu.io.text_files import bounded_lines

MAX_CHARACTERS = 1 << 28
"""Limit for all sampled texts together, about half a gigabyte of memory."""
_PLAIN = (".txt", ".txt.gz", ".txt.xz")


def read_texts(
    paths: Sequence[str | Path], most: int, seed: int, notes: list[str], settings: DataConfig | None = None
) -> list[str]:
    """A uniform sample of at most `most` different texts of the files, without blank ones.

    A `.txt` file (also `.txt.gz`, `.txt.xz`) has one text per line, stripped of surrounding space; other files are
    read by `load_data`, and only their texts are used. The sample depends only on the texts and the seed, not on the
    order of the files, and is shuffled. Only the sample is kept in memory. Raises DataError as `load_data` does, if
    there is no text at all, and for a text longer than LONGEST_TEXT or a sample of more than MAX_CHARACTERS.
    """
    sampled, total = _sample(_texts(paths, notes, settings), most, seed)
    if not sampled:
        place = ", ".join(map(str, paths))
        raise DataError(place, _("there is no text"), _("give files with one sentence per line"))
    if total > len(sampled):
        notes.append(
            _("{count} of the files' {total} texts (repeats included) are sampled.", count=len(sampled), total=total)
        )
    return sampled


def annotated(paths: Sequence[str | Path], settings: DataConfig | None = None) -> list[Example]:
    """The examples of the example files among `paths`; plain text has none."""
    files = [path for path in map(Path, paths) if not _is_plain(path)]
    return list(load_data(files, settings=settings).examples) if files else []


def _sample(texts: Iterable[str], most: int, seed: int) -> tuple[list[str], int]:
    """(the texts with the smallest hashes, a uniform sample that ignores repeats; the number of texts)"""
    heap: list[tuple[int, str]] = []
    sampled = set[str]()
    key, total, size = seed.to_bytes(8, "little"), 0, 0
    for text in texts:
        total += 1
        if text in sampled:
            continue
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest()
        entry = (-int.from_bytes(digest, "little"), text)
        if len(heap) < most:
            heapq.heappush(heap, entry)
            sampled.add(text)
            size += len(text)
        elif entry > heap[0]:
            dropped = heapq.heapreplace(heap, entry)[1]
            sampled.add(text)
            sampled.discard(dropped)
            size += len(text) - len(dropped)
        if size > MAX_CHARACTERS:
            problem = _("the sampled texts have more than {most:,} characters together", most=MAX_CHARACTERS)
            raise DataError("", problem, _("sample fewer with --max-texts"))
    return [text for _, text in sorted(heap, reverse=True)], total


def _texts(paths: Sequence[str | Path], notes: list[str], settings: DataConfig | None) -> Iterator[str]:
    for path in map(Path, paths):
        if _is_plain(path):
            yield from _lines(path)
            continue
        data = load_data(path, settings=settings)
        notes += data.notes
        if any(example.intent is not None or example.entities for example in data.examples):
            notes.append(_("{path}: only its texts are used, not its annotations.", path=path))
        yield from (example.text for example in data.examples if example.text.strip())


def _is_plain(path: Path) -> bool:
    """Whether the path is a file of plain text."""
    return not path.is_dir() and path.name.lower().endswith(_PLAIN)


def _lines(path: Path) -> Iterator[str]:
    try:
        with open_packed(path) as stream:
            for number, line in bounded_lines(stream, path):
                try:
                    text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                except UnicodeDecodeError:
                    fix = _("save the file as UTF-8 (it may be in GBK or UTF-16)")
                    raise DataError(f"{path}:{number}", _("the line is not valid UTF-8"), fix) from None
                check_text_length(text, f"{path}:{number}")
                if text:
                    yield text
    except FileNotFoundError:
        raise DataError(path, _("there is no such file or folder"), _("check the path")) from None
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or _("it is damaged or truncated")
        raise DataError(path, _("the file cannot be read ({reason})", reason=reason), _("check it")) from None
