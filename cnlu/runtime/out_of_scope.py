"""How far a sentence is from all that a model has learned: a score for "none of my intents".

A sentence of a kind that was never learned wakes none of the intents, so the sum over all of them stays low, where a
softmax would only say which of them is the least unlikely (Liu et al. 2020, Energy-based Out-of-distribution
Detection, arXiv 2010.03759, section 3). It is also told by its words, most of which training never met; the fewer
examples there were, the more by these. No example out of scope is needed to learn or to calibrate it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EDGE_FEW, EDGE_MANY = 1.4, 1.8
"""Standard deviations between the mean of the sentences in scope and the edge, up to FEW examples and from MANY on.
8 % and 4 % of a normal distribution lie beyond it (chosen on dev parts: docs/benchmarks/small-bots.md)"""
FEW, MANY = 100, 200
ALIKE = 200
"""Examples of which a standard deviation of the known share tells as much as one of the energy. Of fewer it tells more,
of more less, by the root of their number: chosen on bots of 16 and 50 examples, and so that it counts the .3 of the
energy that was best with 2,000 (docs/benchmarks/out-of-scope-and-multi-intent.md)"""
SPREAD, SPREAD_KNOWN = 0.6, 0.13
"""Usual standard deviations, of energies in units of the temperature and of known shares"""
FIRST = 8
"""Sentences that the usual spreads are worth"""
USUAL = 3.0
"""Widths between the edge and the mean of the sentences in scope, whose score is then 0.05"""


@dataclass(frozen=True)
class OosScorer:
    """Where a model's own sentences end, by the energy of their intent scores and how much of their text is known."""

    edge: float
    """Most sentences in scope lie above it; its score is 0.5"""
    width: float
    """Of the slope at the edge"""
    weight: float = 0.0
    """What a text that is known altogether (features.known) adds to its energy, beside one that is not at all"""
    characters: str = ""
    """All that training met"""

    def outside(self, energy: float, known: float = 1.0) -> float:
        """0..1; about 0.05 for the usual sentence in scope, 0.5 at the edge, 1 far away."""
        place = (energy + self.weight * known - self.edge) / self.width
        return float(0.5 - 0.5 * np.tanh(place / 2.0))


def energy(scores: NDArray[np.float64], multi_intent: bool = False) -> float:
    """Of the intent scores [K] of one sentence, as they come: the higher, the more the model knows it.

    The log of the sum of their exponentials. Where each is scored by itself (`multi_intent`), the sum of what each
    would give alone against its absence (Wang et al. 2021, Can Multi-Label Classification Networks Know What They Don't
    Know?, section 3). -inf without any intents.
    """
    if multi_intent:
        return float(np.logaddexp(0.0, scores).sum()) if len(scores) else -np.inf
    return float(np.logaddexp.reduce(scores)) if len(scores) else -np.inf


def fit_oos_scorer(
    energies: Sequence[float], known: Sequence[float], unit: float, learned: int, characters: str = ""
) -> OosScorer | None:
    """From the energies of sentences that are in scope and were not learned, and from how much of each is known [0..1].

    Both spreads are drawn in to what is usual, as if FIRST further sentences had been there that spread so: `unit`, the
    temperature of the intents, is what energies are measured by. `learned`: how many examples the model has. None
    where there are no sentences, or no numbers.
    """
    found, shares = np.asarray(energies, np.float64), np.asarray(known, np.float64)
    if not len(found) or not np.isfinite(found).all():
        return None
    own = _spread(found, SPREAD * unit)
    ratio = np.sqrt(ALIKE / max(learned, 1))
    weight = ratio * own / _spread(shares, SPREAD_KNOWN)
    places = found + weight * shares
    spread = _spread(places, own * np.hypot(1.0, ratio)) * np.sqrt(1.0 + 1.0 / len(places))
    below = max(float(_edge(learned) * spread), 1e-3)
    return OosScorer(float(places.mean()) - below, below / USUAL, float(weight), characters)


def _edge(learned: int) -> float:
    """In standard deviations; between FEW and MANY examples it grows with the logarithm of their number."""
    return float(np.interp(np.log(max(learned, 1)), np.log([FEW, MANY]), [EDGE_FEW, EDGE_MANY]))


def _spread(found: NDArray[np.float64], usual: float) -> float:
    """Standard deviation, drawn in to the `usual` one."""
    return float(np.sqrt((len(found) * found.var() + FIRST * usual**2) / (len(found) + FIRST)))
