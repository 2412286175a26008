"""Which units are masked: the same share of every row, each unit with the same probability."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnlu_pretrain import rng


def choose(
    unit_starts: NDArray[np.bool_], real: NDArray[np.bool_], key: NDArray[np.uint64], width: int, rate: float
) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """([U] which units are masked, [B * T] the unit of each token), for rows of `width` tokens.

    A row's units lie on a circle in random order, each as long as its number of tokens. An arc of `rate` times the
    circle starts at a random point, and the units that start within the arc are masked. So each unit is masked with
    probability exactly `rate`, and the masked share of a row differs from `rate` by at most the length of one unit.
    """
    of_token = np.cumsum(unit_starts, dtype=np.int32) - 1
    first = np.flatnonzero(unit_starts)
    if not len(first):
        return np.zeros(0, bool), of_token
    before = np.cumsum(real, dtype=np.int32)
    size = np.diff(before[first], append=before[-1] + 1)
    rows = len(key)
    row = first // width
    count = np.bincount(row, minlength=rows)
    most = int(count.max())
    within = np.arange(len(first)) - (np.cumsum(count) - count)[row]
    cell = row * most + within
    random = np.full(rows * most, 0xFFFF, np.uint16)
    random[cell] = rng.bits(key[row], rng.ORDER, first - row * width) >> np.uint64(48)
    order = np.argsort(random.reshape(rows, most), axis=1, kind="stable")  # 16 bits: NumPy uses a radix sort
    order += (np.arange(rows) * most)[:, None]
    sizes = np.zeros(rows * most, np.int32)
    sizes[cell] = size
    ordered = sizes[order]
    end = np.cumsum(ordered, 1, dtype=np.int32)
    start = np.empty(rows * most, np.int32)
    start[order] = end - ordered
    total = end[:, -1]
    offset = rng.uniform(key, rng.OFFSET, np.zeros(rows, np.int64)) * total
    from_offset = start[cell] - offset[row]
    whole = total[row]
    return np.where(from_offset < 0, from_offset + whole, from_offset) < rate * whole, of_token
