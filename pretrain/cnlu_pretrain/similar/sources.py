"""Lists of similar words from files: groups of synonyms, word pairs, antonyms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cnlu.errors import DataError
from cnlu.i18n import _
from cnlu.io.text_files import read_text

Neighbours = dict[str, list[tuple[str, float]]]
"""Word -> (similar word, cosine), the most similar first."""

_CODE = re.compile(r"[A-Z][a-z]\d\d[A-Z]\d\d([=#@])")
_BROKEN = re.compile(r"[\s\0]")


@dataclass
class WordList:
    """The content of a file of similar words."""

    neighbours: Neighbours = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    """A sentence for each line that cannot be used"""


def read_cilin(path: Path) -> WordList:
    """Read groups of synonyms: one group a line, separated by spaces, optionally after a Cilin code like `Aa01A01=`.

    Of lines with a code, only those marked `=` count: `#` marks related words, `@` single words. Raises DataError for
    a file that cannot be read or that holds no group.
    """
    words_of_file = WordList()
    for number, line in _lines(path):
        words = line.split()
        code = _CODE.fullmatch(words[0])
        if code and code[1] != "=":
            continue
        words = words[1:] if code else words
        if len(words) < 2:
            words_of_file.broken.append(f"{path}:{number}: a group needs at least two words.")
            continue
        for word in words:
            others = words_of_file.neighbours.setdefault(word, [])
            known = {other for other, _cosine in others}
            others += [(other, 1.0) for other in words if other != word and other not in known]
    return _not_empty(path, words_of_file)


def read_tsv(path: Path) -> WordList:
    """Read lines of a word, a similar word and optionally their cosine, separated by tabs; one direction a line.

    Raises DataError for a file that cannot be read or that holds no pair.
    """
    words = WordList()
    for number, line in _lines(path):
        columns = [column.strip() for column in line.split("\t")]
        try:
            cosine = float(columns[2]) if len(columns) > 2 else 1.0
        except ValueError:
            cosine = 2.0
        if len(columns) < 2 or any(not word or _BROKEN.search(word) for word in columns[:2]) or not -1 <= cosine <= 1:
            words.broken.append(f"{path}:{number}: write word, similar word and an optional cosine, separated by tabs.")
            continue
        words.neighbours.setdefault(columns[0], []).append((columns[1], cosine))
    for others in words.neighbours.values():
        others.sort(key=lambda pair: -pair[1])
    return _not_empty(path, words)


def read_antonyms(path: Path) -> set[tuple[str, str]]:
    """Read pairs that never count as similar, two words a line; returns both directions."""
    pairs = set()
    for number, line in _lines(path):
        words = line.split()
        if len(words) != 2:
            raise DataError(
                f"{path}:{number}", _("this line is not a pair of antonyms"), _("write two words of opposite meaning")
            )
        pairs |= {(words[0], words[1]), (words[1], words[0])}
    return pairs


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line.strip("\r\n")


def _not_empty(path: Path, words: WordList) -> WordList:
    if words.neighbours:
        return words
    if words.broken:
        raise DataError(
            path,
            _("no line holds similar words"),
            _("correct the lines; the first one: {line}", line=words.broken[0].rstrip(".")),
        )
    raise DataError(path, _("the file holds no similar words"), _("check that it is the right file"))
