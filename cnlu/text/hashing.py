"""A 64-bit mixing function for hashes and counter-based random numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2^64 divided by the golden ratio: the increment of SplitMix64."""


def mix64(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread values evenly over 64 bits: the finalizer of SplitMix64 (Steele et al. 2014), a bijection."""
    values = values ^ (values >> np.uint64(30))
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values
