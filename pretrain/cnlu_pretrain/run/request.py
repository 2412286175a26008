"""The options of `cnlu pretrain run` and `cnlu pretrain distill`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cnlu_pretrain.config import PretrainConfig
from cnlu_pretrain.evaluation.nlu_probe import Examples
from cnlu_pretrain.run.mix import Mixed


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """The options of `cnlu pretrain run`."""

    corpus: Path
    out: Path
    config: PretrainConfig
    encoder: str | None = None
    """None: random weights"""
    teacher: str | None = None
    """The encoder that a new, smaller one learns from"""
    mix: Sequence[Mixed] = ()
    """Further corpora, each with its share of the rows of a pass"""
    similar: Path | None = None
    max_steps: int | None = None
    device: str | None = None
    probe: Examples | None = None
    """Examples for an NLU model on each checkpoint"""
    resume: bool = False
    force: bool = False
