"""Edit the text around the entities of an example: its words, its phrases, and the edited copy."""

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
    """A word of the dictionary or the user's lookup tables, or a single character outside of them."""

    start: int
    end: int
    """One past the last character."""
    text: str
    free: bool
    """Whether it is outside all entities."""


class Edit(NamedTuple):
    """A span of the text outside the entities, and its replacement."""

    start: int
    end: int
    text: str


def words_of(example: Example, segmenter: Segmenter) -> list[Word]:
    """The words of the whole text, without gaps; a word that overlaps an entity is not free.

    Words that the segmenter only guesses are split into characters: it cuts 帮我查 into 帮 and 我查, which hides 帮我.
    """
    in_entity = bytearray(len(example.text))
    for entity in example.entities:
        in_entity[entity.start : entity.end] = b"\1" * (entity.end - entity.start)
    words = []
    for start, end in segmenter.spans(example.text):
        text = example.text[start:end]
        guessed = _HAN.match(text) and text not in word_frequencies() and text not in _user_words(segmenter)
        for first, after in [(i, i + 1) for i in range(start, end)] if guessed else [(start, end)]:
            words.append(Word(first, after, example.text[first:after], not any(in_entity[first:after])))
    return words


@lru_cache(maxsize=1)
def _user_words(segmenter: Segmenter) -> frozenset[str]:
    return frozenset(segmenter.words)


def phrases(words: Sequence[Word], table: Container[str], longest: int) -> list[tuple[int, int]]:
    """(first word, one past the last) of each phrase of free words in `table`, from the left; the longest one wins.

    `longest` is the number of characters of the longest phrase in `table`. Phrases are whole words and do not overlap.
    """
    spans, at = list[tuple[int, int]](), 0
    while at < len(words):
        text, best = "", at
        for last in range(at, len(words)):
            text += words[last].text
            if not words[last].free or len(text) > longest:
                break
            if text in table:
                best = last + 1
        if best > at:
            spans.append((at, best))
        at = max(best, at + 1)
    return spans


def rewritten(example: Example, edits: Sequence[Edit]) -> Example | None:
    """The example after sorted edits that do not overlap; None if its text stays the same.

    The intent and the values, roles and groups of the entities stay; their offsets are adjusted.
    """
    text, position = "", 0
    for edit in edits:
        text += example.text[position : edit.start] + edit.text
        position = edit.end
    text += example.text[position:]
    if text == example.text:
        return None

    def new_offset(offset: int) -> int:
        return offset + sum(len(e.text) - (e.end - e.start) for e in edits if e.end <= offset)

    entities = tuple(
        replace(e, start=new_offset(e.start), end=new_offset(e.start) + e.end - e.start) for e in example.entities
    )
    return replace(example, text=text, entities=entities)
