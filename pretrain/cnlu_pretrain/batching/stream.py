"""The rows of one or more corpora in training order: shuffled in each pass, the same for any number of processes."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnlu_pretrain import rng
from cnlu_pretrain.batching.permutation import permuted
from cnlu_pretrain.batching.row_index import RowIndex
from cnlu_pretrain.batching.rows import Batch, Layout, Pieces, place
from cnlu_pretrain.masking.masker import Masked, Masker


@dataclass(frozen=True)
class Position:
    """Where a stream continues."""

    epoch: int = 0
    """Number of finished passes"""
    row: int = 0
    """Number of finished rows of the next pass"""


@dataclass(frozen=True)
class Step:
    """The batch of one process for one step, and where the stream continues after it."""

    batch: Batch
    masked: Masked
    after: Position


class Stream:
    """Batches of `rows` rows over all processes; each process takes every `world`-th row, from its `rank` on.

    A pass has every row of the first corpus once, and as many rows of each other corpus as its share demands, in one
    random order. The rows of a corpus repeat only after all of them.
    """

    def __init__(
        self,
        indices: Sequence[RowIndex],
        layout: Layout,
        masker: Masker,
        *,
        seed: int,
        rows: int,
        shares: Sequence[float] = (1.0,),
        rank: int = 0,
        world: int = 1,
    ) -> None:
        """`shares` [C] are those of the corpora with the `indices` [C]; they sum to 1."""
        self._indices, self._layout, self._masker, self._seed = indices, layout, masker, seed
        self.rows, self._rank, self._world = rows, rank, world
        ends = np.cumsum(shares) / shares[0] * len(indices[0])
        self._bounds = np.append(0, np.round(ends)).astype(np.int64)

    @property
    def rows_per_pass(self) -> int:
        return int(self._bounds[-1])

    def steps(self, position: Position) -> Generator[Step, None, None]:
        """An endless stream of steps from `position` on."""
        at = position.epoch * self.rows_per_pass + position.row
        while True:
            batch, epochs, samples = self._batch(at + np.arange(self._rank, self.rows, self._world))
            at += self.rows
            masked = self._masker(batch.tokens, batch.flags, epochs, samples)
            yield Step(batch, masked, Position(*divmod(at, self.rows_per_pass)))

    def _batch(self, numbers: NDArray[np.int64]) -> tuple[Batch, NDArray[np.int64], NDArray[np.int64]]:
        """(the rows, the pass of each row over its corpus, the number of each row, from which its masks are drawn).

        `numbers` [B] count the rows of all passes. The rows of a batch are in the order of the disk.
        """
        passes, positions = np.divmod(numbers, self.rows_per_pass)
        entries = self._permuted(passes, positions, self.rows_per_pass, stream=0)
        parts: list[Pieces] = []
        epochs, samples = [], []
        for corpus, index in enumerate(self._indices):
            start, end = self._bounds[corpus : corpus + 2].tolist()
            own = (entries >= start) & (entries < end)
            drawn = passes[own] * (end - start) + entries[own] - start
            epoch, positions = np.divmod(drawn, len(index))
            row = self._permuted(epoch, positions, len(index), stream=corpus + 1)
            order = np.argsort(row, kind="stable")
            epoch, row = epoch[order], row[order]
            sample = row + (corpus << 48)
            parts += index.select(row, rng.keys(self._seed, epoch, sample))
            epochs.append(epoch)
            samples.append(sample)
        return place(parts, self._layout), np.concatenate(epochs), np.concatenate(samples)

    def _permuted(
        self, epochs: NDArray[np.int64], positions: NDArray[np.int64], size: int, *, stream: int
    ) -> NDArray[np.int64]:
        """[B] the entries at `positions` [B] of the permutations of range(size) that belong to `epochs` [B]."""
        entries = np.empty_like(positions)
        for epoch in np.unique(epochs).tolist():
            inside = epochs == epoch
            key = rng.bits(rng.keys(self._seed, epoch, np.zeros(1, np.int64)), rng.SHUFFLE, np.array([stream]))
            entries[inside] = permuted(positions[inside], size, key[0])
        return entries
