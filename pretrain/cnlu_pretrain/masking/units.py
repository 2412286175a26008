"""What is masked as a whole: tokens, words, n-grams of words, spans, entities.

Every strategy divides the whole row into units, and each unit has the same probability of being masked. So no position
and no word length is favoured. A walk from the left that picks n-grams until enough are masked would favour the first
ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnlu_pretrain import rng
from cnlu_pretrain.corpus.shards import SPAN, SPAN_START, WORD
from cnlu_pretrain.masking.group_lengths import GroupLengths

SPECIAL = 8
"""One more bit of a flag, in rows only: a special token or padding. It is never masked and belongs to no word."""


@dataclass(frozen=True)
class Words:
    """The words of a batch of rows, row by row, over the flattened tokens [B * T]."""

    first: NDArray[np.int64]
    """[W] index of the first token of each word"""
    of_token: NDArray[np.int32]
    """[B * T] the word of each token; for a SPECIAL token, the word before it"""
    real: NDArray[np.bool_]
    """[B * T] not SPECIAL"""
    starts_segment: NDArray[np.bool_]
    """[W] whether a special token or the start of the row precedes the word"""


def words_of(flags: NDArray[np.uint8]) -> Words:
    """The words of rows of flags [B, T]; a special token and the end of a row end a word."""
    real = (flags & SPECIAL) == 0
    after_special = np.ones(flags.shape, bool)
    after_special[:, 1:] = ~real[:, :-1]
    starts = (real & (after_special | ((flags & WORD) != 0))).reshape(-1)
    first = np.flatnonzero(starts)
    return Words(first, np.cumsum(starts, dtype=np.int32) - 1, real.reshape(-1), after_special.reshape(-1)[first])


def token_units(words: Words) -> NDArray[np.bool_]:
    """[B * T] where a unit starts: at every token."""
    return words.real


def word_units(words: Words) -> NDArray[np.bool_]:
    """[B * T] where a unit starts: at every word."""
    starts = np.zeros(len(words.real), bool)
    starts[words.first] = True
    return starts


def entity_units(words: Words, flags: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """[B * T] where a unit starts: each lexicon match is a unit, and so is each word outside of one (ERNIE)."""
    starts = word_units(words)
    flat = flags.reshape(-1)
    inside = (flat & SPAN) != 0
    follows = np.zeros(len(flat), bool)
    follows[1:] = inside[:-1] & ~inside[1:]
    begins = starts & words.starts_segment[words.of_token]
    return words.real & np.where(inside, ((flat & SPAN_START) != 0) | begins, starts | follows)


def group_units(words: Words, lengths: GroupLengths, key: NDArray[np.uint64], width: int) -> NDArray[np.bool_]:
    """[B * T] where a unit starts: groups of words of random lengths fill each segment between special tokens.

    `key` [B] belongs to the rows of `width` tokens.
    """
    starts = np.zeros(len(words.real), bool)
    count = len(words.first)
    if not count:
        return starts
    row = words.first // width
    begin = np.flatnonzero(words.starts_segment)
    sizes = np.diff(np.append(begin, count))
    left = np.repeat(begin + sizes, sizes) - np.arange(count)
    random = rng.bits(key[row], rng.LENGTH, words.first - row * width)
    follows = np.append(np.arange(count) + lengths.draw(np.repeat(sizes, sizes), left, random), count)
    starts[words.first[_reached(begin, follows, int(sizes.max()))]] = True
    return starts


def _reached(begin: NDArray[np.int64], follows: NDArray[np.int64], most: int) -> NDArray[np.bool_]:
    """[W] the words that are reached from the words `begin` by steps along `follows` [W + 1], `most` steps at most.

    Each round doubles the number of steps.
    """
    reached = np.zeros(len(follows), bool)
    reached[begin] = True
    for _round in range(most.bit_length()):
        reached[follows[np.flatnonzero(reached)]] = True
        follows = follows[follows]
    return reached[:-1]


def geometric(p: float, longest: int) -> list[float]:
    """Weights of the lengths 1 to `longest`: Geo(p), truncated (SpanBERT, section 3.1: p = 0.2, at most 10)."""
    return [p * (1 - p) ** (length - 1) for length in range(1, longest + 1)]
