"""Random numbers that depend on (seed, epoch, sample, place) alone: the same however samples are batched or shared out.

A counter-based generator: nothing is carried from one number to the next, each is a hash of where it is wanted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ORDER, OFFSET, LENGTH, KIND, TOKEN, NEIGHBOUR, WORD = range(7)
"""Streams: numbers of different ones have nothing to do with each other."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_27, _30, _31 = np.uint64(27), np.uint64(30), np.uint64(31)


def keys(seed: int, epoch: int | NDArray[np.integer], samples: NDArray[np.integer]) -> NDArray[np.uint64]:
    """[B] a key for each sample."""
    base = _mixed(np.array([seed], np.uint64)) + np.asarray(epoch).astype(np.uint64)
    return _mixed(_mixed(base) + samples.astype(np.uint64))


def bits(key: NDArray[np.uint64], stream: int, place: NDArray[np.integer]) -> NDArray[np.uint64]:
    """64 random bits for each place in a sample; `key` and `place` broadcast."""
    return _mixed(key + (place.astype(np.uint64) + np.uint64((stream + 1) << 32)) * _GOLDEN)


def uniform(key: NDArray[np.uint64], stream: int, place: NDArray[np.integer]) -> NDArray[np.float64]:
    """Numbers in [0, 1)."""
    return (bits(key, stream, place) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def below(bound: int | NDArray[np.integer], random: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Whole numbers in [0, bound) out of random bits, by multiplication (Lemire 2019); bound < 2^32."""
    return ((random >> np.uint64(32)) * np.asarray(bound, np.uint64) >> np.uint64(32)).astype(np.int64)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Evenly spread bits: the finaliser of SplitMix64 (Steele et al. 2014)."""
    values = values ^ (values >> _30)
    values *= _MIX_1
    values ^= values >> _27
    values *= _MIX_2
    values ^= values >> _31
    return values
