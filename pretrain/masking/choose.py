"""Which units are hidden: an even share of every row, each unit with the same chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pretrain.masking import draw


def choose(
    unit_starts: NDArray[np.bool_], real: NDArray[np.bool_], key: NDArray[np.uint64], width: int, rate: float
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """([U] which units are hidden, [B * T] each token's unit), from where units start, rows of `width` tokens.

    A row's units are laid on a circle in random order, each as long as it has tokens, and those that start within an
    arc of `rate` times its length, beginning anywhere, are hidden. So the chance of each is exactly `rate`, and
    the tokens hidden in a row are `rate` of it but for a unit's length.
    """
    of_token = np.cumsum(unit_starts) - 1
    first = np.flatnonzero(unit_starts)
    if not len(first):
        return np.zeros(0, bool), of_token
    row = first // width
    size = np.bincount(of_token[real], minlength=len(first))
    rows = len(key)
    count = np.bincount(row, minlength=rows)
    within = np.arange(len(first)) - (np.cumsum(count) - count)[row]
    order = np.full((rows, int(count.max())), 0xFFFF, np.uint16)
    order[row, within] = draw.bits(key[row], draw.ORDER, first - row * width) >> np.uint64(48)
    sizes = np.zeros(order.shape, np.int32)
    sizes[row, within] = size
    places = np.argsort(order, axis=1, kind="stable")
    ordered = np.take_along_axis(sizes, places, 1)
    start = np.empty(order.shape, np.int32)
    np.put_along_axis(start, places, np.cumsum(ordered, 1, dtype=np.int32) - ordered, 1)
    total = sizes.sum(1)
    offset = draw.uniform(key, draw.OFFSET, np.zeros(rows, np.int64)) * total
    from_offset = start[row, within] - offset[row]
    from_offset += total[row] * (from_offset < 0)
    return from_offset < rate * total[row], of_token
