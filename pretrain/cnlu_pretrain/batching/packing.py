"""Sentences to rows of one length, nearly full: which pieces of a shard make a row.

First, consecutive sentences of a document are joined to pieces of half a row, so that rows have context. What room is
left
is filled with the largest piece of the shard that fits (best fit). Where none does, a piece of several sentences is
taken apart. What then stays empty is left so as long as that is less than a fiftieth of all rows; else a sentence is
cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

JOINED = 0.55
"""Consecutive sentences are joined up to this share of a row. Longer pieces do not give more context for long (they
leave less room for others), but make the rest hard to fill: at 1.0, 5 % of the sentences of utterances are cut."""
EMPTY = 0.015
"""Share of the rows that may stay empty rather than that a sentence be cut."""
_FULL = 50  # a row of which less than one part of so many is empty counts as full


@dataclass(frozen=True)
class Rows:
    """Rows as pieces of a shard's tokens."""

    first: NDArray[np.int64]
    """[R + 1] where each row's pieces start in the two below"""
    start: NDArray[np.int64]
    """[P] first token of each piece"""
    size: NDArray[np.int64]
    """[P] tokens of each piece"""
    cut: int
    """How many sentences are divided between rows"""

    def __len__(self) -> int:
        return len(self.first) - 1


def chunks(
    sentences: NDArray[np.integer], documents: NDArray[np.integer], room: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """([C] first sentences, [C] one past the last) of runs of a document's sentences that fit into `room` tokens.

    A sentence longer than that is a run of its own.
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


def pack(sentences: NDArray[np.integer], documents: NDArray[np.integer], room: int, between: int = 1) -> Rows:
    """Rows of at most `room` tokens, the marks at their ends not counted; `between` stand between two pieces."""
    total = np.append(0, np.cumsum(sentences, dtype=np.int64))
    first, end = chunks(sentences, documents, int(room * JOINED))
    packer = _Packer(total.tolist(), room, between)
    for begin, stop in zip(first.tolist(), end.tolist(), strict=True):
        packer.add(begin, stop)
    rows = packer.rows()
    pieces = [piece for row in rows for piece in row]
    starts, sizes = np.array(pieces, np.int64).reshape(-1, 2).T
    counts = np.fromiter(map(len, rows), np.int64, len(rows))
    return Rows(np.append(0, np.cumsum(counts)), starts, sizes, packer.cut)


_Piece = tuple[int, int]
"""First token and tokens."""


class _Packer:
    """Pieces by their size; an integer whose bits say which sizes there are finds the best fit at once."""

    def __init__(self, total: list[int], room: int, between: int) -> None:
        self._total, self._room, self._between = total, room, between
        self._single: list[list[_Piece]] = [[] for _ in range(room + 1)]
        self._several: list[list[_Piece]] = [[] for _ in range(room + 1)]  # here: first sentence, one past the last
        self._sizes = 0
        self._full: list[_Piece] = []
        self._may_stay_empty = 0.0
        self.cut = 0

    def add(self, begin: int, stop: int) -> None:
        """Sentences [begin, stop)."""
        start, size = self._total[begin], self._total[stop] - self._total[begin]
        if size > self._room:
            self.cut += 1
            while size > self._room:
                self._full.append((start, self._room))
                start, size = start + self._room, size - self._room
            self._put(start, size)
        elif stop - begin > 1:
            self._several[size].append((begin, stop))
            self._sizes |= 1 << size
        else:
            self._put(start, size)

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
        """The largest piece of at most `space` tokens, made of a larger one where there is none; None: better none."""
        while True:
            fits = self._sizes & ((1 << (space + 1)) - 1)
            if fits:
                return self._take(fits.bit_length() - 1)
            smallest = (self._sizes & -self._sizes).bit_length() - 1
            if self._several[smallest]:
                self._take_apart(smallest)
                continue
            if space <= self._may_stay_empty:
                return None
            start, size = self._take(smallest)
            self.cut += 1
            self._put(start + space, size - space)
            return start, space

    def _take_apart(self, size: int) -> None:
        begin, stop = self._several[size].pop()
        self._forget(size)
        for sentence in range(begin, stop):
            self._put(self._total[sentence], self._total[sentence + 1] - self._total[sentence])

    def _take(self, size: int) -> _Piece:
        if self._single[size]:
            piece = self._single[size].pop()
        else:
            begin, stop = self._several[size].pop()
            piece = self._total[begin], self._total[stop] - self._total[begin]
        self._forget(size)
        return piece

    def _put(self, start: int, size: int) -> None:
        if size:
            self._single[size].append((start, size))
            self._sizes |= 1 << size

    def _forget(self, size: int) -> None:
        if not self._single[size] and not self._several[size]:
            self._sizes &= ~(1 << size)
