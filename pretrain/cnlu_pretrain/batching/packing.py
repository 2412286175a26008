"""Packs sentences into nearly full rows of one length: decides which pieces of a shard form a row.

First, consecutive sentences of a document are concatenated into pieces of half a row, so that rows have context. The
rest of a row is filled with the largest piece of the shard that fits (best fit). Where none fits, a piece of several
sentences is split at its sentences. The remaining space stays empty as long as it is a small share of all rows;
otherwise a sentence is cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PIECE_SHARE = 0.55
"""Consecutive sentences are concatenated up to this share of a row. Longer pieces make rows hard to fill: at 1.0, 5 %
of the sentences of short utterances are cut."""
EMPTY = 0.015
"""Share of the rows that may stay empty before a sentence is cut."""
_FULL = 50  # a row counts as full where less than 1/50 of it is empty


@dataclass(frozen=True, kw_only=True)
class PackedRows:
    """Rows as pieces of the tokens of a shard."""

    first: NDArray[np.int64]
    """[R + 1] where the pieces of each row start in the two arrays below"""
    start: NDArray[np.int64]
    """[P] first token of each piece"""
    size: NDArray[np.int64]
    """[P] number of tokens of each piece"""
    cut: int
    """Number of sentences that are split between rows"""
    document: NDArray[np.int64]
    """[R] the document of each row that is a pair of pieces; -1 for other rows"""

    def __len__(self) -> int:
        return len(self.first) - 1


def chunks(
    sentences: NDArray[np.integer], documents: NDArray[np.integer], room: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """([C] first, [C] one past the last sentence) of runs of a document's sentences that fit into `room` tokens.

    A longer sentence is a run of its own.
    """
    total = np.append(0, np.cumsum(sentences, dtype=np.int64))
    document_end = np.repeat(np.cumsum(documents, dtype=np.int64), documents)
    furthest = np.searchsorted(total, total[:-1] + room, "right") - 1
    following = np.maximum(np.minimum(furthest, document_end), np.arange(1, len(sentences) + 1)).tolist()
    starts, at = [], 0
    while at < len(following):
        starts.append(at)
        at = following[at]
    first = np.array(starts, np.int64)
    return first, np.append(first[1:], len(sentences)).astype(np.int64)


def pack(sentences: NDArray[np.integer], documents: NDArray[np.integer], room: int, between: int = 1) -> PackedRows:
    """Rows of at most `room` tokens, not counting the special tokens at the ends; `between` separators per gap."""
    total = np.append(0, np.cumsum(sentences, dtype=np.int64))
    first, end = chunks(sentences, documents, int(room * PIECE_SHARE))
    packer = _Packer(total.tolist(), room, between)
    for begin, stop in zip(first.tolist(), end.tolist(), strict=True):
        packer.add(begin, stop)
    return _packed(packer)


def pack_pieces(start: NDArray[np.int64], size: NDArray[np.int64], room: int, between: int) -> PackedRows:
    """Like `pack`, for pieces [P] of at most `room` tokens that are not to be split at sentence ends."""
    packer = _Packer([], room, between)
    for piece in zip(start.tolist(), size.tolist(), strict=True):
        packer.put(*piece)
    return _packed(packer)


def _packed(packer: _Packer) -> PackedRows:
    rows = packer.rows()
    pieces = [piece for row in rows for piece in row]
    starts, sizes = np.array(pieces, np.int64).reshape(-1, 2).T
    counts = np.fromiter(map(len, rows), np.int64, len(rows))
    first = np.append(0, np.cumsum(counts))
    return PackedRows(first=first, start=starts, size=sizes, cut=packer.cut, document=np.full(len(rows), -1))


_Piece = tuple[int, int]
"""(first token, number of tokens)"""


class _Packer:
    """Pieces by size. The bits of an integer mark the sizes that exist, so finding the best fit is one operation."""

    def __init__(self, total: list[int], room: int, between: int) -> None:
        self._total, self._room, self._between = total, room, between
        self._single: list[list[_Piece]] = [[] for _ in range(room + 1)]
        self._multi_sentence: list[list[_Piece]] = [
            [] for _ in range(room + 1)
        ]  # entries: (first sentence, one past the last)
        self._sizes = 0
        self._full: list[_Piece] = []
        self._may_stay_empty = 0.0
        self.cut = 0

    def add(self, begin: int, stop: int) -> None:
        """Add the sentences [begin, stop)."""
        start, size = self._total[begin], self._total[stop] - self._total[begin]
        if size > self._room:
            self.cut += 1
            while size > self._room:
                self._full.append((start, self._room))
                start, size = start + self._room, size - self._room
            self.put(start, size)
        elif stop - begin > 1:
            self._multi_sentence[size].append((begin, stop))
            self._sizes |= 1 << size
        else:
            self.put(start, size)

    def rows(self) -> list[list[_Piece]]:
        rows = [[piece] for piece in self._full]
        enough = self._room - self._room // _FULL
        while self._sizes:
            row = [self._take(self._sizes.bit_length() - 1)]
            filled = row[0][1]
            self._may_stay_empty += EMPTY * self._room
            while filled < enough and self._sizes:
                space = self._room - filled - self._between
                if space < 1:
                    break
                piece = self._fitting(space)
                if piece is None:
                    break
                row.append(piece)
                filled += self._between + piece[1]
            self._may_stay_empty -= self._room - filled
            rows.append(row)
        return rows

    def _fitting(self, space: int) -> _Piece | None:
        """The largest piece of at most `space` tokens, cut from a larger one if needed; None: leave the space empty."""
        while True:
            fits = self._sizes & ((1 << (space + 1)) - 1)
            if fits:
                return self._take(fits.bit_length() - 1)
            smallest = (self._sizes & -self._sizes).bit_length() - 1
            if self._multi_sentence[smallest]:
                self._split_sentences(smallest)
                continue
            if space <= self._may_stay_empty:
                return None
            start, size = self._take(smallest)
            self.cut += 1
            self.put(start + space, size - space)
            return start, space

    def _split_sentences(self, size: int) -> None:
        begin, stop = self._multi_sentence[size].pop()
        self._remove_size(size)
        for sentence in range(begin, stop):
            self.put(self._total[sentence], self._total[sentence + 1] - self._total[sentence])

    def _take(self, size: int) -> _Piece:
        if self._single[size]:
            piece = self._single[size].pop()
        else:
            begin, stop = self._multi_sentence[size].pop()
            piece = self._total[begin], self._total[stop] - self._total[begin]
        self._remove_size(size)
        return piece

    def put(self, start: int, size: int) -> None:
        if size:
            self._single[size].append((start, size))
            self._sizes |= 1 << size

    def _remove_size(self, size: int) -> None:
        if not self._single[size] and not self._multi_sentence[size]:
            self._sizes &= ~(1 << size)
