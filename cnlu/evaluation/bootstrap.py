"""How far a figure could have come out by the luck of which sentences were in the test set.

Percentile bootstrap over sentences (Efron and Tibshirani 1993, chapter 13).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnlu.data.schema import Example
from cnlu.evaluation.frames import rightness

_CHUNK = 2_000_000
"""Most sentence draws held in memory at once."""


@dataclass(frozen=True)
class Interval:
    """A figure and the bounds between which it falls in `level` of the resampled test sets."""

    value: float
    low: float
    high: float
    level: float


def resampled_sums(values: NDArray[Any], samples: int = 10_000, seed: int = 0) -> NDArray[np.float64]:
    """float64 [samples, C]: column sums of `values` [N, C] over N sentences drawn with replacement."""
    values = np.asarray(values, np.float64)
    count, rng = len(values), np.random.default_rng(seed)
    sums = np.zeros((samples, values.shape[1]))
    step = max(1, _CHUNK // max(1, count * values.shape[1]))
    for begin in range(0, samples if count else 0, step):
        size = min(step, samples - begin)
        sums[begin : begin + size] = values[rng.integers(0, count, (size, count))].sum(axis=1)
    return sums


def mean_interval(
    values: NDArray[Any], level: float = 0.95, samples: int = 10_000, seed: int = 0
) -> Interval:
    """Interval of the mean of `values` [N], one number or boolean a sentence; all zeros for no sentences."""
    values = np.asarray(values, np.float64)
    if not len(values):
        return Interval(0.0, 0.0, 0.0, level)
    means = resampled_sums(values[:, None], samples, seed)[:, 0] / len(values)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high), level)


def frame_accuracy_difference(
    gold: Sequence[Example],
    first: Sequence[Mapping[str, Any]],
    second: Sequence[Mapping[str, Any]],
    level: float = 0.95,
    samples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Paired interval of (frame accuracy of `second`) - (that of `first`) on the same sentences.

    The difference is outside the noise when the interval leaves out 0. Raises ValueError when there is not
    one prediction per example.
    """
    gain = rightness(gold, second).astype(float) - rightness(gold, first).astype(float)
    return mean_interval(gain, level, samples, seed)
