"""Lengths of groups of words that fill a segment exactly and still follow the configured distribution.

Lengths drawn one after another have to be cut at the end of the segment. Utterances end every five words, so n-grams
configured as 40/30/20/10 % come out as 46/30/17/7 %. Here all groups of a segment of S words are drawn together: a
division into lengths k1, k2, ... has a probability proportional to w[k1] * w[k2] * ..., and the weights w are fitted
for each S so that the expected shares of the lengths are the configured ones. For shares that do not rise with the
length, that is possible wherever S is at least the longest length; otherwise the expected shares come as near as S
allows. A shorter segment has the configured shares of the lengths that fit into it.

The fit is iterative scaling: each weight is multiplied by the ratio of the configured to the expected share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LIMIT = 32
"""Segments up to this many words, or twice the longest group, have weights of their own. In a longer one, the lengths
are independent until this many words are left: its end hardly matters."""
_ROUNDS = 60
_LEAST = 1e-6
"""Replaces a configured share of 0, so that this length is only drawn where the other lengths cannot fill the rest."""


@dataclass(frozen=True)
class GroupLengths:
    """The distribution of the next group's length, by the length of the segment and the number of words left."""

    thresholds: NDArray[np.uint32]
    """[K - 1, (L + 2)^2] for a segment of S words with r left: 2^16 times the probability of at most k words; the last
    entries of S and r are for more than L words"""
    size: int
    """L + 2"""

    def draw(
        self, segment: NDArray[np.int64], left: NDArray[np.int64], random: NDArray[np.uint64]
    ) -> NDArray[np.int64]:
        """[W] lengths in words, at most `left` [W]; `segment` [W] are the lengths of the whole segments."""
        last = self.size - 1
        cell = np.minimum(segment, last) * self.size + np.minimum(left, last)
        high = (random >> np.uint64(48)).astype(np.uint32)
        lengths = np.ones(len(cell), np.int64)
        for thresholds in self.thresholds:
            lengths += high >= thresholds[cell]
        return lengths


def group_lengths(probabilities: list[float]) -> GroupLengths:
    """Fit the distribution to the probabilities of the lengths 1, 2, ..., K."""
    configured = np.maximum(np.array(probabilities) / sum(probabilities), _LEAST)
    longest = len(configured)
    limit = max(_LIMIT, 2 * longest)
    segments = np.arange(limit + 1)
    fits = np.arange(1, longest + 1) <= np.maximum(segments, 1)[:, None]
    target: NDArray[np.float64] = np.where(fits, configured, 0.0)
    target /= target.sum(1, keepdims=True)
    weights: NDArray[np.float64] = target.copy()
    for _round in range(_ROUNDS):
        expected = _expected(weights, _ways(weights))
        ratio = np.divide(target, expected / expected.sum(1, keepdims=True), out=np.ones_like(target), where=fits)
        weights = np.where(fits, np.maximum(weights * ratio, 1e-12), 0)
        weights /= weights.sum(1, keepdims=True)
    last = np.minimum(np.arange(limit + 2), limit)
    thresholds = _thresholds(weights, _ways(weights))[np.ix_(last, last)]
    thresholds[-1, -1] = np.round(np.cumsum(target[-1])[:-1] * (1 << 16))
    by_length = np.ascontiguousarray(np.moveaxis(thresholds, 2, 0)).reshape(longest - 1, len(thresholds) ** 2)
    return GroupLengths(by_length, len(thresholds))


def _ways(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """[L + 1, L + 1] the sum of the products of weights over all divisions of r words, by segment and r."""
    limit, longest = len(weights) - 1, weights.shape[1]
    ways = np.zeros((limit + 1, limit + 1))
    ways[:, 0] = 1
    for words in range(1, limit + 1):
        most = min(words, longest)
        ways[:, words] = (weights[:, :most] * ways[:, words - most : words][:, ::-1]).sum(1)
    return ways


def _expected(weights: NDArray[np.float64], ways: NDArray[np.float64]) -> NDArray[np.float64]:
    """[L + 1, K] the expected number of groups of each length in a whole segment."""
    expected = np.zeros_like(weights)
    expected[0] = 1
    for segment in range(1, len(weights)):
        before = ways[segment, : segment + 1]
        pairs = np.convolve(before, before)[: segment + 1]  # of words before and after a group
        most = min(segment, weights.shape[1])
        expected[segment, :most] = weights[segment, :most] * pairs[::-1][1 : most + 1] / before[segment]
    return expected


def _thresholds(weights: NDArray[np.float64], ways: NDArray[np.float64]) -> NDArray[np.uint32]:
    limit, longest = len(weights) - 1, weights.shape[1]
    thresholds = np.full((limit + 1, limit + 1, longest - 1), 1 << 16, np.uint32)
    for left in range(1, limit + 1):
        most = min(left, longest)
        chances = weights[:, :most] * ways[:, left - most : left][:, ::-1]
        shares = np.cumsum(chances, 1) / np.maximum(chances.sum(1, keepdims=True), 1e-300)
        thresholds[:, left, : most - 1] = np.round(shares[:, :-1] * (1 << 16))
    return thresholds
