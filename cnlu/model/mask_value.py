"""The number that is added to a score to mask it."""

from __future__ import annotations

MASK_VALUE = -1e4
"""Its exponential is 0, and the sum of a few of them still fits into float16; -inf would give NaN."""
