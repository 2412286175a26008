"""Pieces of a shard to rows of tokens with their marks, a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnlu.text.tokens import SpecialTokens
from cnlu_pretrain import rng
from cnlu_pretrain.batching.packing import Rows, chunks, pack
from cnlu_pretrain.corpus.shards import Arrays
from cnlu_pretrain.masking.units import SPECIAL

NO_ORDER = -100
"""The order label of a row that is one piece."""


@dataclass(frozen=True)
class Batch:
    """Rows as an encoder reads them, [B, T] each, nothing hidden yet."""

    tokens: NDArray[np.int64]
    flags: NDArray[np.uint8]
    kinds: NDArray[np.int64]
    """Token types: 0, and 1 for the second piece of a pair"""
    mask: NDArray[np.bool_]
    """False for padding"""
    order: NDArray[np.int64]
    """[B] of pairs: 1 where the second piece is not what follows the first; NO_ORDER where there is no pair"""


@dataclass(frozen=True)
class Layout:
    """How rows are made of text."""

    special_tokens: SpecialTokens
    length: int
    """Tokens of a row, marks included"""
    pairs: str
    """none: rows are packed; sop: two pieces, perhaps swapped; nsp: two, the second perhaps from elsewhere"""

    @property
    def separator(self) -> list[int]:
        """What stands between two pieces."""
        return self.special_tokens.after[:1]

    @property
    def room(self) -> int:
        """Tokens of a row without the marks at its ends."""
        return self.length - len(self.special_tokens.before) - len(self.special_tokens.after)

    def rows(self, arrays: Arrays) -> Rows:
        """All rows of a shard."""
        if self.pairs == "none":
            return pack(arrays.sentences, arrays.documents, self.room, len(self.separator))
        return _pairs(arrays, self.room - len(self.separator))


def _pairs(arrays: Arrays, room: int) -> Rows:
    """Rows of one run of a document's sentences, divided at the middle sentence; a longer sentence loses its end."""
    total = np.append(0, np.cumsum(arrays.sentences, dtype=np.int64))
    first, end = chunks(arrays.sentences, arrays.documents, room)
    several = end - first > 1
    middle = np.where(several, (first + end) // 2, end)
    starts = np.stack([total[first], total[middle]], 1)
    stops = np.stack([total[middle], total[end]], 1)
    sizes = np.minimum(stops - starts, room)
    keep = np.stack([np.ones(len(first), bool), several], 1)
    counts = keep.sum(1)
    return Rows(
        np.append(0, np.cumsum(counts)), starts[keep], sizes[keep], int((total[end] - total[first] > room).sum())
    )


def assemble(arrays: Arrays, rows: Rows, which: NDArray[np.int64], layout: Layout, key: NDArray[np.uint64]) -> Batch:
    """The rows `which` [B] of a shard; `key` [B] draws what happens to pairs."""
    counts = rows.first[which + 1] - rows.first[which]
    piece = _ranges(rows.first[which], counts)
    start, size = rows.start[piece], rows.size[piece]
    row = np.repeat(np.arange(len(which)), counts)
    order = np.full(len(which), NO_ORDER)
    if layout.pairs != "none":
        start, size, order = _ordered(rows, which, start, size, counts, layout, key)
    return _laid_out(arrays, start, size, row, len(which), layout, order)


def _ordered(
    rows: Rows,
    which: NDArray[np.int64],
    start: NDArray[np.int64],
    size: NDArray[np.int64],
    counts: NDArray[np.int64],
    layout: Layout,
    key: NDArray[np.uint64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Half of the pairs swapped (ALBERT, section 3.1), or with another row's second piece (BERT, section 3.1)."""
    start, size = start.copy(), size.copy()
    place = np.zeros(len(which), np.int64)
    wrong = rng.uniform(key, rng.ORDER, place + 1) < 0.5
    pair = counts == 2
    second = np.cumsum(counts) - 1
    if layout.pairs == "sop":
        swap = second[pair & wrong]
        for array in (start, size):
            array[swap], array[swap - 1] = array[swap - 1].copy(), array[swap].copy()
    else:
        others = rows.first[1:][np.diff(rows.first) == 2] - 1
        chosen = np.flatnonzero(pair & wrong)
        if len(others) > 1:
            taken = others[rng.below(len(others), rng.bits(key[chosen], rng.OFFSET, place[chosen] + 1))]
            room = layout.room - len(layout.separator) - size[second[chosen] - 1]
            start[second[chosen]] = rows.start[taken]
            size[second[chosen]] = np.minimum(rows.size[taken], room)
            wrong &= (rows.first[which] + counts - 1) != _filled(len(which), chosen, taken)
        else:
            wrong[:] = False
    return start, size, np.where(pair, wrong, NO_ORDER).astype(np.int64)


def _filled(size: int, at: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    array = np.full(size, -1)
    array[at] = values
    return array


def _laid_out(
    arrays: Arrays,
    start: NDArray[np.int64],
    size: NDArray[np.int64],
    row: NDArray[np.int64],
    rows: int,
    layout: Layout,
    order: NDArray[np.int64],
) -> Batch:
    """Tokens at their places: marks, a piece, a separator, a piece, ..., marks, padding."""
    special_tokens, width, gap = layout.special_tokens, layout.length, len(layout.separator)
    tokens = np.full(rows * width, special_tokens.pad)
    flags = np.full(rows * width, SPECIAL, np.uint8)
    first_piece = np.flatnonzero(np.diff(row, prepend=-1))
    before = np.cumsum(size + gap) - (size + gap)
    column = (
        len(special_tokens.before) + before - np.repeat(before[first_piece], np.diff(np.append(first_piece, len(row))))
    )
    place = row * width + column
    target, source = _ranges(place, size), _ranges(start, size)
    tokens[target] = arrays.tokens[source]
    flags[target] = arrays.flags[source] & np.uint8(7)
    last_piece = np.append(first_piece[1:], len(row)) - 1
    end = (column + size)[last_piece]
    for i, mark in enumerate(special_tokens.before):
        tokens[np.arange(rows) * width + i] = mark
    between = np.setdiff1d(np.arange(len(row)), last_piece)
    for i, mark in enumerate(layout.separator):
        tokens[(place + size)[between] + i] = mark
    for i, mark in enumerate(special_tokens.after):
        tokens[np.arange(rows) * width + end + i] = mark
    columns = np.arange(width)
    mask = columns < (end + len(special_tokens.after))[:, None]
    kinds = np.zeros((rows, width), np.int64)
    if layout.pairs != "none":
        starts_second = np.full(rows, width)
        starts_second[row[between]] = column[between] + size[between] + gap
        kinds = ((columns >= starts_second[:, None]) & mask).astype(np.int64)
    return Batch(tokens.reshape(rows, width), flags.reshape(rows, width), kinds, mask, order)


def _ranges(start: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.int64]:
    """start[0], start[0] + 1, ... of size[0] numbers, then the next."""
    before = np.cumsum(size) - size
    return np.arange(int(size.sum())) + np.repeat(start - before, size)


def concatenated(parts: list[Batch]) -> Batch:
    """One batch of the rows of several."""
    names = ("tokens", "flags", "kinds", "mask", "order")
    return Batch(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
