"""The number that is added to a score to rule it out."""

from __future__ import annotations

MASK_VALUE = -1e4
"""Large enough that its exponential is 0, small enough for float16 and for sums of several: -inf would give NaN."""
