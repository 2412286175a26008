"""The rows of a corpus in training order: shuffled in each pass, the same for any number of processes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cnlu_pretrain import rng
from cnlu_pretrain.batching.packing import PackedRows
from cnlu_pretrain.batching.rows import Batch, Layout, assemble, concatenate
from cnlu_pretrain.corpus.corpus import Corpus
from cnlu_pretrain.corpus.shards import Arrays, Shard
from cnlu_pretrain.masking.masker import Masked, Masker

_AHEAD = 4  # batches prepared in advance

Item = TypeVar("Item")


@dataclass(frozen=True)
class Position:
    """Where a stream continues."""

    epoch: int = 0
    shard: int = 0
    """Number of finished shards of the pass"""
    row: int = 0
    """Number of finished rows of the next shard"""


@dataclass(frozen=True)
class Step:
    """The batch of one process for one step, and where the stream continues after it."""

    batch: Batch
    masked: Masked
    after: Position


class Stream:
    """Batches of `rows` rows over all processes; each process takes every `world`-th row, from its `rank` on."""

    def __init__(
        self,
        corpus: Corpus,
        layout: Layout,
        masker: Masker,
        *,
        seed: int,
        rows: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._corpus, self._layout, self._masker, self._seed = corpus, layout, masker, seed
        self.rows, self._rank, self._world = rows, rank, world
        self._shards = [shard for shard in corpus.shards if shard.tokens]

    def steps(self, position: Position) -> Generator[Step, None, None]:
        """An endless stream of steps from `position` on."""
        parts: list[tuple[Batch, NDArray[np.uint64], NDArray[np.int64]]] = []
        missing, first = self.rows, 0
        while True:
            arrays, rows, order, shard = self._open_shard(position)
            while position.row < len(order):
                which = order[position.row : position.row + missing]
                mine = which[(np.arange(first, first + len(which)) % self._world) == self._rank]
                samples = mine + (self._corpus.shards.index(shard) << 32)
                key = rng.keys(self._seed, position.epoch, samples)
                batch = assemble(arrays, rows, mine, self._layout, key)
                parts.append((batch, samples, np.full(len(mine), position.epoch)))
                missing, first = missing - len(which), first + len(which)
                position = Position(position.epoch, position.shard, position.row + len(which))
                if not missing:
                    batch = concatenate([batch for batch, _, _ in parts])
                    samples, epochs = (np.concatenate([part[i] for part in parts]) for i in (1, 2))
                    yield Step(batch, self._masker(batch.tokens, batch.flags, epochs, samples), position)
                    parts, missing, first = [], self.rows, 0
            following = position.shard + 1
            over = following == len(self._shards)
            position = Position(position.epoch + over, 0 if over else following)

    def rows_per_pass(self) -> int:
        """Number of rows of one pass; packs every shard once."""
        return sum(len(self._layout.rows(self._corpus.read(shard))) for shard in self._shards)

    def _open_shard(self, position: Position) -> tuple[Arrays, PackedRows, NDArray[np.int64], Shard]:
        generator = np.random.default_rng([self._seed, position.epoch])
        shard = self._shards[generator.permutation(len(self._shards))[position.shard]]
        arrays = self._corpus.read(shard)
        rows = self._layout.rows(arrays)
        order = np.random.default_rng([self._seed, position.epoch, position.shard]).permutation(len(rows))
        return arrays, rows, order, shard


def prefetch(items: Iterable[Item]) -> Generator[Item, None, None]:
    """The same items, computed in advance by a thread; its exceptions are raised here."""
    ready: queue.Queue[Item | BaseException] = queue.Queue(_AHEAD)
    stop = threading.Event()

    def work() -> None:
        try:
            for item in items:
                while not stop.is_set():
                    try:
                        ready.put(item, timeout=0.1)
                        break
                    except queue.Full:
                        continue
                if stop.is_set():
                    return
        except BaseException as error:
            ready.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
