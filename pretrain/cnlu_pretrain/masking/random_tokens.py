"""Random replacements: a token of the same kind as the original, as frequent as in the text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnlu_pretrain import rng


@dataclass(frozen=True)
class RandomTokens:
    """The tokens of each kind with their counts, to draw from."""

    kind: NDArray[np.int64]
    """[V] the kind of each id"""
    ids: NDArray[np.int64]
    """[N] the ids that can be drawn, kind by kind"""
    ends: NDArray[np.int64]
    """[N] cumulative counts of `ids`"""
    bounds: NDArray[np.int64]
    """[K + 1] the cumulative count at which each kind starts"""

    def draw(self, original: NDArray[np.int64], random: NDArray[np.uint64]) -> NDArray[np.int64]:
        """[N] a replacement for each of the tokens `original` [N], from its random bits."""
        kind = self.kind[original]
        start = self.bounds[kind]
        at = start + rng.below(self.bounds[kind + 1] - start, random)
        return self.ids[np.searchsorted(self.ends, at, side="right")]


def random_tokens(kinds: NDArray[np.integer], counts: NDArray[np.integer], ordinary: NDArray[np.int64]) -> RandomTokens:
    """Tokens to draw from, by the kind and the count of every id, [V] each; only the ids `ordinary` are drawn.

    A kind with fewer than two ids in the text draws all its ids with equal probability. An id outside `ordinary`, such
    as [UNK], is replaced by tokens of the most frequent kind. The counts sum to less than 2^32.
    """
    weight = np.zeros(len(kinds), np.int64)
    weight[ordinary] = counts[ordinary]
    kind = kinds.astype(np.int64)
    most = int(kind[ordinary].max(initial=0)) + 1
    seen = np.bincount(kind[ordinary], weight[ordinary] > 0, most)
    rare = ordinary[seen[kind[ordinary]] < 2]
    weight[rare] = 1
    other = np.ones(len(kind), bool)
    other[ordinary] = False
    kind[other] = np.bincount(kind[ordinary], weight[ordinary], most).argmax()
    ids = np.flatnonzero(weight)
    ids = ids[np.argsort(kind[ids], kind="stable")]
    totals = np.bincount(kind[ids], weight[ids], most).astype(np.int64)
    return RandomTokens(kind, ids, np.cumsum(weight[ids]), np.append(0, np.cumsum(totals)))


def uniform_tokens(ordinary: NDArray[np.int64], size: int) -> RandomTokens:
    """The ids `ordinary` of a vocabulary of `size` ids, all as one kind and equally frequent."""
    return random_tokens(np.zeros(size, np.int64), np.ones(size, np.int64), ordinary)
