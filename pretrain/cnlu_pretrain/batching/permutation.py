"""Pseudo-random permutations that are computed entry by entry, without an array of their size."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cnlu.text.hashing import mix64

_ROUNDS = 6


def permuted(positions: NDArray[np.int64], size: int, key: np.uint64) -> NDArray[np.int64]:
    """The entries at `positions` [n] of a permutation of range(size), which `key` determines; size < 2^62.

    A generalized Feistel network permutes the cells of a grid with at least `size` cells. An entry outside range(size)
    is permuted again until it is inside (Black and Rogaway 2002, "Ciphers with arbitrary finite domains").
    """
    columns = math.isqrt(max(0, size - 1)) + 1
    rows = -(-size // columns)
    numbers = np.arange(1, _ROUNDS + 1).astype(np.uint64)
    keys = mix64(numbers + key)
    grid = np.uint64(rows), np.uint64(columns)
    result = _feistel(positions.astype(np.uint64), grid, keys)
    outside = np.flatnonzero(result >= size)
    while len(outside):
        result[outside] = _feistel(result[outside], grid, keys)
        outside = outside[result[outside] >= size]
    return result.astype(np.int64)


def _feistel(
    numbers: NDArray[np.uint64], grid: tuple[np.uint64, np.uint64], keys: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    """A permutation of the cells of a grid of rows and columns, counted row by row."""
    halves = list(np.divmod(numbers, grid[1]))
    for number, key in enumerate(keys):
        own, other = number % 2, 1 - number % 2
        halves[own] = (halves[own] + mix64(halves[other] + key) % grid[own]) % grid[own]
    return halves[0] * grid[1] + halves[1]
