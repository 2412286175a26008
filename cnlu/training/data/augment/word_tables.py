"""Read the tables of synonyms and of fillers: a group per line, words separated by spaces, # before a comment."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cnlu.errors import DataError
from cnlu.i18n import _
from cnlu.io.messages import shown
from cnlu.io.text_files import read_text
from cnlu.text.chars import char_type

SYNONYMS = Path(__file__).with_name("synonyms.txt")
FILLERS = Path(__file__).with_name("fillers.txt")

ONLY_TO = ">"
"""Words after it can replace those before it, but are not replaced"""
PLACES = ("begins", "inside", "ends", "alone")
"""The places in a clause where a word is a filler; see fillers.txt"""


def read_synonyms(*paths: Path) -> dict[str, tuple[str, ...]]:
    """Each word or phrase -> its synonyms, sorted, from all lines.

    Raises DataError, with file and line, for a line that is not a group of synonyms, and for an empty file.
    """
    synonyms: dict[str, set[str]] = {}
    for path in paths:
        lines = list(_lines(path))
        if not lines:
            example = "帮我 替我"
            fix = _("write a group of synonyms on each line, such as: {example}", example=example)
            raise DataError(path, _("holds no words"), fix)
        for place, words in lines:
            replaced, others = _group(words, place)
            for word in replaced:
                synonyms.setdefault(word, set()).update(other for other in others if other != word)
    return {word: tuple(sorted(others)) for word, others in synonyms.items()}


@cache
def fillers() -> dict[str, frozenset[str]]:
    """Each filler -> its PLACES."""
    places: dict[str, set[str]] = {}
    for line, (place, *words) in _lines(FILLERS):
        if place not in PLACES:
            problem = _("{word} is none of {places}", word=shown(place), places=", ".join(PLACES))
            raise DataError(line, problem, _("write one of them first"))
        for word in words:
            places.setdefault(word, set()).add(place)
    return {word: frozenset(places_of_word) for word, places_of_word in places.items()}


def _lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    """(`file:line`, words) of each line with words."""
    for number, line in enumerate(read_text(path).splitlines(), 1):
        words = line.partition("#")[0].split()
        if words:
            yield f"{path}:{number}", words


def _group(words: list[str], place: str) -> tuple[list[str], list[str]]:
    """(the words that can be replaced, all words that can replace them) of one line."""
    if words.count(ONLY_TO) > 1 or words[0] == ONLY_TO or words[-1] == ONLY_TO:
        problem = _("{mark} does not separate two groups of words", mark=ONLY_TO)
        raise DataError(
            place, problem, _("write words before and after a single {mark}, or leave it out", mark=ONLY_TO)
        )
    group = [word for word in words if word != ONLY_TO]
    for word in group:
        invalid = next((ch for ch in word if char_type(ch) not in ("han", "hannum", "latin", "digit")), None)
        if invalid is not None:
            problem = _("{character} in {word} is not part of a word", character=shown(invalid), word=shown(word))
            raise DataError(place, problem, _("separate words by spaces"))
        if group.count(word) > 1:
            raise DataError(place, _("{word} occurs twice", word=shown(word)), _("remove one"))
    if len(group) < 2:
        problem = _("{word} has no synonyms", word=shown(group[0]))
        raise DataError(place, problem, _("write words of the same meaning after it"))
    return (words[: words.index(ONLY_TO)] if ONLY_TO in words else group), group
