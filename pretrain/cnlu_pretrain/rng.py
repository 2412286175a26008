"""Random numbers that depend only on (seed, epoch, sample, position), however samples are batched or distributed.

This is a counter-based generator: it has no state, and each number is a hash of its coordinates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnlu.text.hashing import GOLDEN, mix64

ORDER, OFFSET, LENGTH, ACTION, TOKEN, NEIGHBOUR, WORD, SHUFFLE = range(8)
"""Streams. The numbers of different streams are independent."""


def keys(seed: int, epoch: int | NDArray[np.integer], samples: NDArray[np.integer]) -> NDArray[np.uint64]:
    """[B] a key for each sample."""
    base = mix64(np.array([seed], np.uint64)) + np.asarray(epoch).astype(np.uint64)
    return mix64(mix64(base) + samples.astype(np.uint64))


def bits(key: NDArray[np.uint64], stream: int, position: NDArray[np.integer]) -> NDArray[np.uint64]:
    """64 random bits for each position in a sample; `key` and `position` broadcast."""
    return mix64(key + (position.astype(np.uint64) + np.uint64((stream + 1) << 32)) * GOLDEN)


def uniform(key: NDArray[np.uint64], stream: int, position: NDArray[np.integer]) -> NDArray[np.float64]:
    """Numbers in [0, 1)."""
    return (bits(key, stream, position) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def below(bound: int | NDArray[np.integer], random: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Whole numbers in [0, bound) from random bits, by multiplication (Lemire 2019); bound < 2^32."""
    return ((random >> np.uint64(32)) * np.asarray(bound, np.uint64) >> np.uint64(32)).astype(np.int64)
