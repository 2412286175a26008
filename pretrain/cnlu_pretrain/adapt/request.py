"""The options of `cnlu adapt`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cnlu.bundled import BUNDLED
from cnlu_pretrain.config import PretrainConfig
from cnlu_pretrain.evaluation.nlu_probe import Examples
from cnlu_pretrain.fine_tuning.fine_tuning import ROUNDS

MINUTES = 15.0


@dataclass(frozen=True, kw_only=True)
class AdaptRequest:
    """The options of `cnlu adapt`."""

    texts: Sequence[str]
    examples: Examples
    out: Path
    config: PretrainConfig
    encoder: str = BUNDLED
    minutes: float = MINUTES
    """Duration of the pretraining, about; preparing and comparing come on top"""
    rounds: int = ROUNDS
    overrides: Sequence[str] = ()
    """Settings of `cnlu train` for the models that are compared"""
    device: str | None = None
    keep_anyway: bool = False
    """Write the encoder also where no gain is shown"""
    resume: bool = False
    force: bool = False
