"""Sentences without annotations: text files with one a line, plain or compressed, and the texts of example files."""

from __future__ import annotations

import hashlib
import heapq
import lzma
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cnlu.config import DataConfig
from cnlu.data.limits import refuse_long_text
from cnlu.data.load import load_data
from cnlu.data.schema import Example
from cnlu.errors import DataError
from cnlu.io.decompress import open_packed
from cnlu.io.text_files import bounded_lines

MOST_CHARACTERS = 1 << 28
"""Of all drawn texts together: half a gigabyte of memory, mostly."""
_PLAIN = (".txt", ".txt.gz", ".txt.xz")


def read_texts(
    paths: Sequence[str | Path], most: int, seed: int, notes: list[str], settings: DataConfig | None = None
) -> list[str]:
    """At most `most` different texts of the files, drawn evenly; none is blank.

    A `.txt` file (also `.txt.gz`, `.txt.xz`) has a text a line, its surrounding space removed; of anything else that
    `load_data` reads the texts count. The draw depends on the texts and the seed alone, not on the order of the
    files, and its own order is that of a shuffle. Only what is drawn is kept in memory. Raises DataError as
    `load_data` does, when there is no text at all, and for a text longer than LONGEST_TEXT or drawn texts of more than
    MOST_CHARACTERS.
    """
    drawn, total = _draw(_texts(paths, notes, settings), most, seed)
    if not drawn:
        raise DataError(f"{', '.join(map(str, paths))}: there is no text; give files with a sentence a line.")
    if total > len(drawn):
        notes.append(f"{len(drawn)} texts are drawn of the files' {total} (repeats included).")
    return drawn


def annotated(paths: Sequence[str | Path], settings: DataConfig | None = None) -> list[Example]:
    """The examples of the example files among `paths`; plain text has none."""
    files = [path for path in map(Path, paths) if not _is_plain(path)]
    return list(load_data(files, settings=settings).examples) if files else []


def _draw(texts: Iterable[str], most: int, seed: int) -> tuple[list[str], int]:
    """(the texts whose hashes are the smallest: an even draw that a repeat cannot change, how many were seen)."""
    heap: list[tuple[int, str]] = []
    kept = set[str]()
    key, total, size = seed.to_bytes(8, "little"), 0, 0
    for text in texts:
        total += 1
        if text in kept:
            continue
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest()
        entry = (-int.from_bytes(digest, "little"), text)
        if len(heap) < most:
            heapq.heappush(heap, entry)
            kept.add(text)
            size += len(text)
        elif entry > heap[0]:
            dropped = heapq.heapreplace(heap, entry)[1]
            kept.add(text)
            kept.discard(dropped)
            size += len(text) - len(dropped)
        if size > MOST_CHARACTERS:
            raise DataError(
                f"the drawn texts have more than {MOST_CHARACTERS:,} characters together; draw fewer with --max-texts."
            )
    return [text for _, text in sorted(heap, reverse=True)], total


def _texts(paths: Sequence[str | Path], notes: list[str], settings: DataConfig | None) -> Iterator[str]:
    for path in map(Path, paths):
        if _is_plain(path):
            yield from _lines(path)
            continue
        data = load_data(path, settings=settings)
        notes += data.notes
        if any(example.intent is not None or example.entities for example in data.examples):
            notes.append(f"{path}: its annotations are not learned, only its texts.")
        yield from (example.text for example in data.examples if example.text.strip())


def _is_plain(path: Path) -> bool:
    """Whether it is a file of plain text."""
    return not path.is_dir() and path.name.lower().endswith(_PLAIN)


def _lines(path: Path) -> Iterator[str]:
    try:
        with open_packed(path) as stream:
            for number, line in bounded_lines(stream, path):
                try:
                    text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                except UnicodeDecodeError:
                    raise DataError(
                        f"{path}:{number}: is not valid UTF-8; save the file as UTF-8 (it may be in GBK or UTF-16)."
                    ) from None
                refuse_long_text(text, f"{path}:{number}")
                if text:
                    yield text
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file or folder; check the path.") from None
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "it is damaged or cut off"
        raise DataError(f"{path}: the file cannot be read ({reason}); check it.") from None
