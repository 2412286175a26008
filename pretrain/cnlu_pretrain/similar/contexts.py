"""Counts the words beside each word of a text, separately for each position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cnlu.errors import DataError
from cnlu.i18n import _
from cnlu.progress import progress
from cnlu.text.bulk_segment import CHINESE, BulkSegmenter, code_points, kinds_of
from cnlu.text.segment import Segmenter
from cnlu_pretrain.config import SimilarConfig
from cnlu_pretrain.prepare.lines import read_lines
from cnlu_pretrain.prepare.sources import blocks, expand

_MOST_CONTEXTS = 10_000
"""The most frequent words count as contexts; line breaks and punctuation marks are among them."""
_AT_ONCE = 1 << 22  # tokens counted in one NumPy operation


@dataclass(frozen=True, kw_only=True)
class Contexts:
    """How often each context stands beside each Chinese word; a context is a position and a word."""

    words: list[str]
    """[W] the most frequent first"""
    row: NDArray[np.int64]
    """[N] the word of each entry, ascending"""
    column: NDArray[np.int64]
    """[N] its context: position * per_position + word; the columns of a row ascend"""
    count: NDArray[np.int64]
    """[N]"""
    offsets: list[int]
    """The positions: -2, -1, 1, 2 for a window of 2"""
    per_position: int


def is_chinese(word: str) -> bool:
    """Whether the word consists of Chinese characters alone."""
    return bool(word) and bool((kinds_of(code_points(word)) == CHINESE).all())


def count_contexts(texts: Sequence[str], config: SimilarConfig) -> Contexts:
    """Raises DataError where no Chinese word is frequent enough."""
    tokens, words = _tokens(texts)
    counts = np.bincount(tokens, minlength=len(words))
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    frequent = int((counts >= config.min_count).sum())
    kept = [i for i in range(frequent) if is_chinese(words[order[i]])]
    if not kept:
        raise DataError(
            "similar.min_count",
            _("no Chinese word occurs {count} times in the text", count=config.min_count),
            _("lower it or give more text"),
        )
    word = np.full(len(words), -1)
    word[kept] = np.arange(len(kept))
    per_position = min(_MOST_CONTEXTS, len(words))
    offsets = [offset for offset in range(-config.window, config.window + 1) if offset]
    keys, totals = _count(rank[tokens], word, int(rank[words.index("\n")]), offsets, per_position)
    width = per_position * len(offsets)
    names = [words[order[i]] for i in kept]
    return Contexts(
        words=names, row=keys // width, column=keys % width, count=totals, offsets=offsets, per_position=per_position
    )


def _tokens(texts: Sequence[str]) -> tuple[NDArray[np.int32], list[str]]:
    """The text as numbers of words, and the words; a line break is a word."""
    segmenter = BulkSegmenter(Segmenter())
    number: dict[str, int] = {"\n": 0}
    parts = [np.zeros(1, np.int32)]
    with progress("segmenting words", None, "B") as bar:
        for block in blocks(expand(texts)):
            text = "".join(line + "\n" for line in read_lines(block).texts if "\0" not in line)
            bounds = np.append(np.flatnonzero(segmenter.starts(text)), len(text)).tolist()
            words = (text[a:b] for a, b in pairwise(bounds))
            ids = (number.setdefault(word, len(number)) for word in words if word == "\n" or not word.isspace())
            parts.append(np.fromiter(ids, np.int32))
            bar.update(len(block.data))
    return np.concatenate(parts), list(number)


def _count(
    tokens: NDArray[np.int64], word: NDArray[np.int64], line_break: int, offsets: list[int], per_position: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(ascending keys word * width + column, their counts); contexts do not reach beyond a line break."""
    line = np.cumsum(tokens == line_break)
    keys, totals = np.zeros(0, np.int64), np.zeros(0, np.int64)
    with progress("counting contexts", len(tokens) * len(offsets), " words") as bar:
        for start in range(0, len(tokens), _AT_ONCE):
            for number, offset in enumerate(offsets):
                at = np.arange(max(start, -offset), max(min(start + _AT_ONCE, len(tokens) - max(offset, 0)), 0))
                centre, context = word[tokens[at]], tokens[at + offset]
                near, far = np.minimum(at, at + offset), np.maximum(at, at + offset)
                valid = (centre >= 0) & (context < per_position) & (line[np.maximum(far - 1, near)] == line[near])
                pairs = centre[valid] * (per_position * len(offsets)) + number * per_position + context[valid]
                new, counts = np.unique(pairs, return_counts=True)
                keys, totals = _merged(np.concatenate([keys, new]), np.concatenate([totals, counts]))
                bar.update(len(at))
    return keys, totals


def _merged(keys: NDArray[np.int64], totals: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ascending keys, each once, with the sums of their totals."""
    order = np.argsort(keys, kind="stable")
    keys, totals = keys[order], totals[order]
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    return keys[first], np.add.reduceat(totals, first) if len(first) else totals
