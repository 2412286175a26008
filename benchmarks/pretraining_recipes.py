"""The recipes of continued pretraining that `pretraining_pays.py` compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NO_TABLE, SIMILAR, SHUFFLED = "none", "similar", "shuffled"


@dataclass(frozen=True)
class Recipe:
    """Settings of `cnlu pretrain run`, as KEY=VALUE; {steps}: the number of steps, {half}: half of the layers"""

    settings: tuple[str, ...] = ()
    table: str = NO_TABLE
    """The table of similar words: none, similar, or shuffled, the control whose neighbours are exchanged"""
    steps: float = 1.0
    """Share of the steps of the other recipes"""


_SIMILAR = ("masking.replacement=similar",)
_WISE = ("run.wise_ft=0.5",)
_SIMCSE = ("objectives.simcse=1", "run.isolate=sentence")
_ORIGINAL = ("objectives.original=1",)
_HIGH = ("run.learning_rate=3e-4",)
_HALF = 0.5  # steps with more passes over the text: about the time of the other recipes

RECIPES: Mapping[str, Recipe] = {
    **{name: Recipe((f"masking.strategy={name}",)) for name in ("token", "word", "ngram", "span", "entity")},
    "head": Recipe(("run.head_warmup={steps}",)),  # the new head alone: the encoder stays the same
    SIMILAR: Recipe(_SIMILAR, SIMILAR),
    SHUFFLED: Recipe(_SIMILAR, SHUFFLED),
    "masks-30": Recipe(("masking.rate=0.3",)),
    "rate-2e-5": Recipe(("run.learning_rate=2e-5",)),
    "rate-3e-4": Recipe(("run.learning_rate=3e-4",)),
    "half-steps": Recipe((), steps=0.5),
    "double-steps": Recipe((), steps=2.0),
    "frozen-lower": Recipe(("run.frozen_layers={half}",)),
    "wise": Recipe(_WISE),
    "similar-wise": Recipe((*_SIMILAR, *_WISE), SIMILAR),
    "original": Recipe(_ORIGINAL, steps=_HALF),
    "similar-original": Recipe((*_SIMILAR, *_ORIGINAL), SIMILAR, steps=_HALF),
    "similar-wise-long": Recipe((*_SIMILAR, *_WISE, *_HIGH), SIMILAR, steps=3.5),
    "similar-original-long": Recipe((*_SIMILAR, *_ORIGINAL, *_HIGH), SIMILAR, steps=3.5 * _HALF),
    "simcse": Recipe(_SIMCSE, steps=_HALF),
    "simcse-wise": Recipe((*_SIMCSE, *_WISE), steps=_HALF),
    "simcse-original": Recipe((*_SIMCSE, *_ORIGINAL), steps=_HALF),
}
