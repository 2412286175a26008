"""Builds batches of rows from pieces of a shard, with special tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnlu.text.tokens import SpecialTokens
from cnlu_pretrain import rng
from cnlu_pretrain.batching.packing import PackedRows, pack
from cnlu_pretrain.batching.pairs import pair_rows
from cnlu_pretrain.corpus.shards import Arrays
from cnlu_pretrain.masking.units import SPECIAL

NO_ORDER = -100
"""The order label of a row that is not a pair."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Rows before masking, [B, T] each."""

    tokens: NDArray[np.int64]
    flags: NDArray[np.uint8]
    kinds: NDArray[np.int64]
    """Token types: 0, and 1 for the second piece of a pair"""
    mask: NDArray[np.bool_]
    """False for padding"""
    order: NDArray[np.int64]
    """[B] 1 where the second piece of a pair does not follow the first, else 0; NO_ORDER where there is no pair"""
    piece: NDArray[np.int64] | None = None
    """The number of each token's piece in its row, from 0, and -1 for padding; None where pieces are not isolated"""
    position: NDArray[np.int64] | None = None
    """The position of each token in its piece, special tokens included, and 0 for padding; None as above"""


@dataclass(frozen=True)
class Layout:
    """How rows are built."""

    special_tokens: SpecialTokens
    length: int
    """Tokens of a row, with special tokens"""
    pairs: str
    """none: packed rows; sop: pairs of pieces, half of them swapped; nsp: pairs, half with a wrong second piece"""
    isolate: str = "none"
    """none: the pieces of a row attend to each other; document, sentence: each piece is a text of its own"""

    @property
    def separator(self) -> list[int]:
        """The special tokens between two pieces: one [SEP], or the end of one text and the start of the next."""
        if self.isolate == "none":
            return self.special_tokens.after[:1]
        return [*self.special_tokens.after, *self.special_tokens.before]

    @property
    def room(self) -> int:
        """Tokens of a row without the special tokens at its ends."""
        return self.length - len(self.special_tokens.before) - len(self.special_tokens.after)

    def rows(self, arrays: Arrays) -> PackedRows:
        """All rows of a shard."""
        if self.pairs == "none":
            one_each = self.isolate == "sentence"
            documents = np.ones_like(arrays.sentences) if one_each else arrays.documents
            return pack(arrays.sentences, documents, self.room, len(self.separator))
        return pair_rows(arrays, self.room - len(self.separator), self.room, len(self.separator))


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """The pieces of R rows, with their tokens one after another."""

    tokens: NDArray[np.int64]
    """[N]"""
    flags: NDArray[np.uint8]
    """[N]"""
    size: NDArray[np.int64]
    """[P] number of tokens of each piece"""
    row: NDArray[np.int64]
    """[P] the row of each piece, from 0, in ascending order"""
    order: NDArray[np.int64]
    """[R] as in `Batch`"""


def assemble(
    arrays: Arrays, rows: PackedRows, which: NDArray[np.int64], layout: Layout, key: NDArray[np.uint64]
) -> Batch:
    """The rows `which` [B] of a shard; `key` [B] are the random keys that determine the order of pairs."""
    return place([select_pieces(arrays, rows, which, layout, key)], layout)


def select_pieces(
    arrays: Arrays, rows: PackedRows, which: NDArray[np.int64], layout: Layout, key: NDArray[np.uint64]
) -> Pieces:
    """The pieces of the rows `which` [B] of a shard; parameters as in `assemble`."""
    counts = np.asarray(rows.first[which + 1] - rows.first[which], np.int64)
    piece = _ranges(rows.first[which], counts)
    start, size = (np.asarray(array[piece], np.int64) for array in (rows.start, rows.size))
    order = np.full(len(which), NO_ORDER)
    if layout.pairs == "sop":
        order = _swap_pairs(start, size, rows.document[which] >= 0, counts, key)
    elif layout.pairs == "nsp":
        order = _replace_second(rows, which, start=start, size=size, layout=layout, key=key)
    source = _ranges(start, size)
    return Pieces(
        tokens=arrays.tokens[source],
        flags=arrays.flags[source],
        size=size,
        row=np.repeat(np.arange(len(which)), counts),
        order=order,
    )


def _wrong_order(key: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """[B] True for a random half of the rows."""
    return rng.uniform(key, rng.ORDER, np.ones(len(key), np.int64)) < 0.5


def _swap_pairs(
    start: NDArray[np.int64],
    size: NDArray[np.int64],
    pair: NDArray[np.bool_],
    counts: NDArray[np.int64],
    key: NDArray[np.uint64],
) -> NDArray[np.int64]:
    """Swap half of the pairs in place (ALBERT, section 3.1); returns their order [B]."""
    wrong = _wrong_order(key)
    second = (np.cumsum(counts) - 1)[pair & wrong]
    for array in (start, size):
        array[second], array[second - 1] = array[second - 1].copy(), array[second].copy()
    return np.where(pair, wrong, NO_ORDER).astype(np.int64)


def _replace_second(
    rows: PackedRows,
    which: NDArray[np.int64],
    *,
    start: NDArray[np.int64],
    size: NDArray[np.int64],
    layout: Layout,
    key: NDArray[np.uint64],
) -> NDArray[np.int64]:
    """Replace half of the second pieces, in place, by those of other documents (BERT, section 3.1); returns order [B].

    Pairs are in the order of their documents, so the rows of one document are a range that is left out of the draw.
    """
    counts = rows.first[which + 1] - rows.first[which]
    document = rows.document[which]
    pair = document >= 0
    others = np.flatnonzero(rows.document >= 0)
    own = np.searchsorted(rows.document[others], document, "left")
    own_count = np.searchsorted(rows.document[others], document, "right") - own
    wrong = _wrong_order(key) & pair & (own_count < len(others))
    chosen = np.flatnonzero(wrong)
    second = (np.cumsum(counts) - 1)[chosen]
    draw = rng.bits(key[chosen], rng.OFFSET, np.ones(len(chosen), np.int64))
    at = rng.below(len(others) - own_count[chosen], draw)
    taken = rows.first[others[at + np.where(at >= own[chosen], own_count[chosen], 0)] + 1] - 1
    start[second] = rows.start[taken]
    size[second] = np.minimum(rows.size[taken], layout.room - len(layout.separator) - size[second - 1])
    return np.where(pair, wrong, NO_ORDER).astype(np.int64)


def place(parts: list[Pieces], layout: Layout) -> Batch:
    """The rows of all `parts`: special tokens, a piece, a separator, a piece, ..., special tokens, padding."""
    pieces = _concatenated(parts)
    size, row, order = pieces.size, pieces.row, pieces.order
    rows, width, gap = len(order), layout.length, len(layout.separator)
    before, after = layout.special_tokens.before, layout.special_tokens.after
    tokens = np.full(rows * width, layout.special_tokens.pad)
    flags = np.full(rows * width, SPECIAL, np.uint8)
    first_piece = np.flatnonzero(np.diff(row, prepend=-1))
    offset = np.cumsum(size + gap) - (size + gap)
    pieces_of_row = np.diff(np.append(first_piece, len(row)))
    column = len(before) + offset - np.repeat(offset[first_piece], pieces_of_row)
    position = row * width + column
    target = _ranges(position, size)
    tokens[target] = pieces.tokens
    flags[target] = pieces.flags & np.uint8(7)
    last_piece = np.append(first_piece[1:], len(row)) - 1
    between = np.setdiff1d(np.arange(len(row)), last_piece)
    end = (column + size)[last_piece]
    row_start = np.arange(rows) * width
    for ids, where in ((before, row_start), (layout.separator, (position + size)[between]), (after, row_start + end)):
        for i, token in enumerate(ids):
            tokens[where + i] = token
    mask = np.arange(width) < (end + len(after))[:, None]
    second = np.full(rows, width)
    paired = between[order[row[between]] != NO_ORDER]
    second[row[paired]] = column[paired] + size[paired] + gap
    kinds = ((np.arange(width) >= second[:, None]) & mask).astype(np.int64)
    piece = within = None
    if layout.isolate != "none":
        piece, within = _isolated(mask, (position + size)[between] + len(after))
    return Batch(
        tokens=tokens.reshape(rows, width),
        flags=flags.reshape(rows, width),
        kinds=kinds,
        mask=mask,
        order=order,
        piece=piece,
        position=within,
    )


def _concatenated(parts: list[Pieces]) -> Pieces:
    """The rows of all parts, one part after another."""
    rows_before = np.cumsum([0, *(len(part.order) for part in parts[:-1])]).tolist()
    return Pieces(
        tokens=np.concatenate([part.tokens for part in parts]),
        flags=np.concatenate([part.flags for part in parts]),
        size=np.concatenate([part.size for part in parts]),
        row=np.concatenate([part.row + before for part, before in zip(parts, rows_before, strict=True)]),
        order=np.concatenate([part.order for part in parts]),
    )


def _isolated(mask: NDArray[np.bool_], starts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """([B, T] piece, [B, T] position) of a batch; `starts` are the flat positions where a further piece begins."""
    is_start = np.zeros(mask.shape, bool)
    is_start[:, 0] = True
    is_start.reshape(-1)[starts] = True
    piece = np.cumsum(is_start, 1) - 1
    column = np.arange(mask.shape[1])
    within = column - np.maximum.accumulate(np.where(is_start, column, 0), 1)
    return np.where(mask, piece, -1), np.where(mask, within, 0)


def _ranges(start: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.int64]:
    """The ranges start[i], start[i] + 1, ... of size[i] numbers each, concatenated."""
    before = np.cumsum(size) - size
    return np.arange(int(size.sum())) + np.repeat(start - before, size)
