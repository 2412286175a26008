"""The tables of words that mean the same and of fillers: a line each, words separated by spaces, # before a remark."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cnlu.errors import DataError
from cnlu.io.messages import shown
from cnlu.io.text_files import read_text
from cnlu.text.chars import char_type

SYNONYMS = Path(__file__).with_name("synonyms.txt")
FILLERS = Path(__file__).with_name("fillers.txt")

ONLY_TO = ">"
"""Words behind it stand in for those before it, but nothing stands in for them"""
PLACES = ("begins", "inside", "ends", "alone")
"""Where in its clause a filler is one; see fillers.txt"""


def read_synonyms(*paths: Path) -> dict[str, tuple[str, ...]]:
    """Of each word or phrase those that can stand in for it, sorted; what several lines say of it is added up.

    Raises DataError, with file and line, for a line that is no group of words of one meaning, and for a file of none.
    """
    found: dict[str, set[str]] = {}
    for path in paths:
        lines = list(_lines(path))
        if not lines:
            raise DataError(f"{path}: holds no words; write a group of one meaning on each line, such as: 帮我 替我.")
        for place, words in lines:
            replaced, others = _group(words, place)
            for word in replaced:
                found.setdefault(word, set()).update(other for other in others if other != word)
    return {word: tuple(sorted(others)) for word, others in found.items()}


@cache
def fillers() -> dict[str, frozenset[str]]:
    """Of each filler the PLACES in which it is one."""
    found: dict[str, set[str]] = {}
    for place, (where, *words) in _lines(FILLERS):
        if where not in PLACES:
            raise DataError(f"{place}: {shown(where)} is none of {', '.join(PLACES)}; write one of them first.")
        for word in words:
            found.setdefault(word, set()).add(where)
    return {word: frozenset(places) for word, places in found.items()}


def _lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    """`file:line` and the words of each line that has some."""
    for number, line in enumerate(read_text(path).splitlines(), 1):
        words = line.partition("#")[0].split()
        if words:
            yield f"{path}:{number}", words


def _group(words: list[str], place: str) -> tuple[list[str], list[str]]:
    """(the words that can be replaced, all that can stand in for them) of one line."""
    if words.count(ONLY_TO) > 1 or words[0] == ONLY_TO or words[-1] == ONLY_TO:
        raise DataError(f"{place}: write words before and behind a single {ONLY_TO}, or leave it out.")
    every = [word for word in words if word != ONLY_TO]
    for word in every:
        odd = next((ch for ch in word if char_type(ch) not in ("han", "hannum", "latin", "digit")), None)
        if odd is not None:
            raise DataError(f"{place}: {shown(odd)} in {shown(word)} is no part of a word; separate words by spaces.")
        if every.count(word) > 1:
            raise DataError(f"{place}: {shown(word)} stands there twice; remove one.")
    if len(every) < 2:
        raise DataError(f"{place}: {shown(every[0])} stands alone; write words that mean the same behind it.")
    return (words[: words.index(ONLY_TO)] if ONLY_TO in words else every), every
