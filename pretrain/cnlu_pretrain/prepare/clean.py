"""Decides which lines are left out, and for what reason."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cnlu.text.bulk_segment import CHINESE, code_points, kinds_of
from cnlu_pretrain.config import PrepareConfig

KEPT, SHORT, LONG, FOREIGN, DUPLICATE, NEAR_DUPLICATE, NUL, EXCLUDED = range(8)
REASONS = ("", "short", "long", "little Chinese", "duplicate", "near duplicate", "NUL byte", "excluded")
"""Their names in the manifest."""


def reasons(texts: Sequence[str], config: PrepareConfig) -> NDArray[np.uint8]:
    """[L] KEPT, or the reason to leave the line out; the texts must not be blank."""
    if not texts:
        return np.zeros(0, np.uint8)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    codes = code_points("".join(texts))
    firsts = np.cumsum(lengths) - lengths
    chinese = np.add.reduceat((kinds_of(codes) == CHINESE).astype(np.int64), firsts)
    visible = np.add.reduceat((~_space(codes)).astype(np.int64), firsts)
    result = np.full(len(texts), KEPT, np.uint8)
    result[chinese < config.han_share * np.maximum(visible, 1)] = FOREIGN
    if config.max_length:
        result[lengths > config.max_length] = LONG
    result[lengths < config.min_length] = SHORT
    result[np.add.reduceat(codes == 0, firsts) > 0] = NUL
    return result


def _space(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    return (codes <= 0x20) | (codes == 0xA0) | (codes == 0x3000)
