"""Lists of similar words as users have them: groups of synonyms, pairs, antonyms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cnlu.errors import DataError
from cnlu.io.text_files import read_text

Neighbours = dict[str, list[tuple[str, float]]]
"""Word -> (similar word, cosine), the most similar first."""

_CODE = re.compile(r"[A-Z][a-z]\d\d[A-Z]\d\d([=#@])")
_BROKEN = re.compile(r"[\s\0]")


@dataclass
class Read:
    """What a file holds."""

    neighbours: Neighbours = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    """One sentence for each line that could not be used"""


def read_cilin(path: Path) -> Read:
    """Groups of synonyms, one a line, separated by spaces, perhaps behind a code of Cilin such as `Aa01A01=`.

    Of coded lines only those marked = count: # are words of one field, not of one meaning, @ stand alone. Raises
    DataError for a file that cannot be read or holds no group.
    """
    found = Read()
    for number, line in _lines(path):
        words = line.split()
        code = _CODE.fullmatch(words[0])
        if code and code[1] != "=":
            continue
        words = words[1:] if code else words
        if len(words) < 2:
            found.broken.append(f"{path}:{number}: a group has at least two words.")
            continue
        for word in words:
            others = found.neighbours.setdefault(word, [])
            known = {other for other, _ in others}
            others += [(other, 1.0) for other in words if other != word and other not in known]
    return _checked(path, found)


def read_tsv(path: Path) -> Read:
    """A word, a similar one and perhaps the cosine on each line, with tabs between; each direction is a line of its
    own.

    Raises DataError for a file that cannot be read or holds no pair.
    """
    found = Read()
    for number, line in _lines(path):
        columns = [column.strip() for column in line.split("\t")]
        try:
            cosine = float(columns[2]) if len(columns) > 2 else 1.0
        except ValueError:
            cosine = 2.0
        if len(columns) < 2 or any(not word or _BROKEN.search(word) for word in columns[:2]) or not -1 <= cosine <= 1:
            found.broken.append(f"{path}:{number}: write word, similar word and perhaps a cosine, with tabs between.")
            continue
        found.neighbours.setdefault(columns[0], []).append((columns[1], cosine))
    for others in found.neighbours.values():
        others.sort(key=lambda pair: -pair[1])
    return _checked(path, found)


def read_antonyms(path: Path) -> set[tuple[str, str]]:
    """Pairs that are never similar, two words a line, in both directions."""
    pairs = set()
    for number, line in _lines(path):
        words = line.split()
        if len(words) != 2:
            raise DataError(f"{path}:{number}: write two words of opposite meaning a line.")
        pairs |= {(words[0], words[1]), (words[1], words[0])}
    return pairs


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line.strip("\r\n")


def _checked(path: Path, found: Read) -> Read:
    if not found.neighbours:
        first = f"; {found.broken[0]}" if found.broken else ""
        raise DataError(f"{path}: holds no similar words{first}".rstrip(".") + ".")
    return found
