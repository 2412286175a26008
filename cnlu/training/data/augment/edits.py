"""Changing what stands around the entities of an example: its words, phrases among them, and the copy that results."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from cnlu.data.schema import Example
from cnlu.text.segment import HAN, Segmenter, word_frequencies

_HAN = re.compile(f"[{HAN}]")


class Word(NamedTuple):
    """A word of the dictionary or the user's lookup tables; what is none of these comes as single characters."""

    start: int
    end: int
    """One past the last character."""
    text: str
    free: bool
    """Whether all of it lies outside the entities."""


class Edit(NamedTuple):
    """A piece of the text, without a character of an entity, and what stands there instead."""

    start: int
    end: int
    text: str


def words_of(example: Example, segmenter: Segmenter) -> list[Word]:
    """The words of the whole text, without gaps; one that an entity's edge cuts through is not free.

    Words that the segmenter only guesses are taken apart: it cuts 帮我查 as 帮 and 我查, where 帮我 is looked for.
    """
    taken = bytearray(len(example.text))
    for entity in example.entities:
        taken[entity.start : entity.end] = b"\1" * (entity.end - entity.start)
    words = []
    for start, end in segmenter.spans(example.text):
        text = example.text[start:end]
        guessed = _HAN.match(text) and text not in word_frequencies() and text not in _own_words(segmenter)
        for first, behind in [(i, i + 1) for i in range(start, end)] if guessed else [(start, end)]:
            words.append(Word(first, behind, example.text[first:behind], not any(taken[first:behind])))
    return words


@lru_cache(maxsize=1)
def _own_words(segmenter: Segmenter) -> frozenset[str]:
    return frozenset(segmenter.words)


def phrases(words: Sequence[Word], known: Container[str], longest: int) -> list[tuple[int, int]]:
    """(first word, one past the last) of each phrase of free words that is `known`, from the left, longest first.

    `longest`: characters of the longest one known. Phrases begin and end where words do and do not overlap.
    """
    found, at = list[tuple[int, int]](), 0
    while at < len(words):
        text, best = "", at
        for behind in range(at, len(words)):
            text += words[behind].text
            if not words[behind].free or len(text) > longest:
                break
            if text in known:
                best = behind + 1
        if best > at:
            found.append((at, best))
        at = max(best, at + 1)
    return found


def rewritten(example: Example, edits: Sequence[Edit]) -> Example | None:
    """The example with the edits made, which are sorted and do not overlap; None where its text stays the same.

    What entities say, their roles and groups and the intent stay; their offsets move along.
    """
    text, at = "", 0
    for edit in edits:
        text += example.text[at : edit.start] + edit.text
        at = edit.end
    text += example.text[at:]
    if text == example.text:
        return None

    def moved(place: int) -> int:
        return place + sum(len(e.text) - (e.end - e.start) for e in edits if e.end <= place)

    entities = tuple(replace(e, start=moved(e.start), end=moved(e.start) + e.end - e.start) for e in example.entities)
    return replace(example, text=text, entities=entities)
