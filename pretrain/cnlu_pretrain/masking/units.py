"""What is hidden together: tokens, words, n-grams of words, spans, entities.

Every strategy divides all of a row into units, and each unit has the same chance to be hidden. So no place in a row
and no length of a word is favoured, whatever the strategy: a walk that picks n-grams from the left until enough are
hidden favours what it meets first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnlu_pretrain.corpus.shards import SPAN, SPAN_START, WORD
from cnlu_pretrain.masking import rng

SPECIAL = 8
"""A further bit of a flag, in rows only: a mark or padding, which is never hidden and belongs to no word."""


@dataclass(frozen=True)
class Words:
    """The words of a batch of rows, row by row, over the flattened tokens [B * T]."""

    first: NDArray[np.int64]
    """[W] index of each one's first token"""
    of_token: NDArray[np.int32]
    """[B * T] each token's word; of SPECIAL ones the word before"""
    real: NDArray[np.bool_]
    """[B * T] not SPECIAL"""
    starts_segment: NDArray[np.bool_]
    """[W] a mark or the start of the row stands before it"""


def words_of(flags: NDArray[np.uint8]) -> Words:
    """Of rows of flags [B, T]; a mark, and the end of a row, ends a word."""
    real = (flags & SPECIAL) == 0
    after_mark = np.ones(flags.shape, bool)
    after_mark[:, 1:] = ~real[:, :-1]
    starts = (real & (after_mark | ((flags & WORD) != 0))).reshape(-1)
    first = np.flatnonzero(starts)
    return Words(first, np.cumsum(starts, dtype=np.int32) - 1, real.reshape(-1), after_mark.reshape(-1)[first])


def token_units(words: Words) -> NDArray[np.bool_]:
    """[B * T] where a unit starts: at every token."""
    return words.real


def word_units(words: Words) -> NDArray[np.bool_]:
    """[B * T] where a unit starts: at every word."""
    starts = np.zeros(len(words.real), bool)
    starts[words.first] = True
    return starts


def entity_units(words: Words, flags: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """[B * T] where a unit starts: a hit of the lexicon is one, and any word outside is one (ERNIE)."""
    starts = word_units(words)
    flat = flags.reshape(-1)
    inside = (flat & SPAN) != 0
    follows = np.zeros(len(flat), bool)
    follows[1:] = inside[:-1] & ~inside[1:]
    begins = starts & words.starts_segment[words.of_token]
    return words.real & np.where(inside, ((flat & SPAN_START) != 0) | begins, starts | follows)


def group_units(words: Words, lengths: NDArray[np.uint8], key: NDArray[np.uint64], width: int) -> NDArray[np.bool_]:
    """[B * T] where a unit starts: groups of words of random lengths follow each other from each mark to the next.

    `lengths` [65536] is a table that turns 16 random bits into a number of words; `key` [B] of the rows of `width`
    tokens. The last group before a mark may be cut short by it.
    """
    starts = np.zeros(len(words.real), bool)
    if not len(words.first):
        return starts
    row = words.first // width
    drawn = lengths[rng.bits(key[row], rng.LENGTH, words.first - row * width) >> np.uint64(48)].astype(np.int64)
    segment = np.cumsum(words.starts_segment) - 1
    begin = np.flatnonzero(words.starts_segment)
    before = np.cumsum(drawn) - drawn
    before -= before[begin][segment]
    sizes = np.diff(np.append(begin, len(drawn)))
    valid = before < sizes[segment]
    starts[words.first[(begin[segment] + before)[valid]]] = True
    return starts


def table_of_lengths(chances: list[float]) -> NDArray[np.uint8]:
    """[65536] the numbers 1, 2, ... as often as their chances say."""
    bounds = np.round(np.cumsum(chances) / sum(chances) * 65536).astype(int)
    return np.repeat(np.arange(1, len(chances) + 1, dtype=np.uint8), np.diff(bounds, prepend=0))


def geometric(p: float, longest: int) -> list[float]:
    """Chances of the lengths 1 to `longest`: Geo(p), its tail cut off (SpanBERT, section 3.1: p = 0.2, at most 10)."""
    return [p * (1 - p) ** (length - 1) for length in range(1, longest + 1)]
