"""How far a sentence is from all that a model has learned: a score for "none of my intents".

A sentence of a kind that was never learned wakes none of the intents, so the sum over all of them stays low, where a
softmax would only say which of them is the least unlikely (Liu et al. 2020, Energy-based Out-of-distribution
Detection, arXiv 2010.03759, section 3). No example out of scope is needed to learn or to calibrate it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ODDEST = 0.05
"""The share of sentences in scope that lie beyond the edge"""
USUAL = 3.0
"""Widths between the edge and the median sentence in scope, whose score is then 0.05"""


@dataclass(frozen=True)
class Scope:
    """Where a model's own sentences end, in energies of its intent scores."""

    edge: float
    """What all but the oddest twentieth of held-out sentences lie above; its score is 0.5"""
    width: float
    """Of the slope at the edge"""

    def outside(self, energy: float) -> float:
        """0..1; about 0.05 for the usual sentence in scope, 0.5 for one as odd as the oddest twentieth, 1 far away."""
        return float(0.5 - 0.5 * np.tanh((energy - self.edge) / self.width / 2.0))


def energy(scores: NDArray[np.float64], several: bool = False) -> float:
    """Of the intent scores [K] of one sentence, as they come: the higher, the more the model knows it.

    The log of the sum of their exponentials; where each is scored by itself (`several`), the sum of what each would
    give alone against its absence (Wang et al. 2021, Can Multi-Label Classification Networks Know What They Don't
    Know?, section 3). -inf without any intents.
    """
    if several:
        return float(np.logaddexp(0.0, scores).sum()) if len(scores) else -np.inf
    return float(np.logaddexp.reduce(scores)) if len(scores) else -np.inf


def fit_scope(energies: Sequence[float]) -> Scope | None:
    """From the energies of held-out sentences that are in scope; None where there are none, or no numbers."""
    found = np.asarray(energies, np.float64)
    if not len(found) or not np.isfinite(found).all():
        return None
    edge, middle = np.quantile(found, [ODDEST, 0.5])
    return Scope(float(edge), max(float(middle - edge) / USUAL, 1e-3))
