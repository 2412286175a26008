"""Which lines are left out, and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cnlu.text.bulk_segment import CHINESE, code_points, kinds_of
from cnlu_pretrain.config import PrepareConfig

KEPT, SHORT, LONG, FOREIGN, DUPLICATE, NEAR_DUPLICATE, NUL = range(7)
REASONS = ("", "short", "long", "little Chinese", "duplicate", "near duplicate", "NUL byte")
"""What the manifest calls them."""


def reasons(texts: Sequence[str], config: PrepareConfig) -> NDArray[np.uint8]:
    """[L] KEPT, or why the line is left out; none is blank."""
    if not texts:
        return np.zeros(0, np.uint8)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    codes = code_points("".join(texts))
    firsts = np.cumsum(lengths) - lengths
    chinese = np.add.reduceat((kinds_of(codes) == CHINESE).astype(np.int64), firsts)
    visible = np.add.reduceat((~_space(codes)).astype(np.int64), firsts)
    found = np.full(len(texts), KEPT, np.uint8)
    found[chinese < config.han_share * np.maximum(visible, 1)] = FOREIGN
    if config.max_length:
        found[lengths > config.max_length] = LONG
    found[lengths < config.min_length] = SHORT
    found[np.add.reduceat(codes == 0, firsts) > 0] = NUL
    return found


def _space(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    return (codes <= 0x20) | (codes == 0xA0) | (codes == 0x3000)
