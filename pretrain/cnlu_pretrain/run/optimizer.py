"""The optimizer and the learning-rate schedule."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu_pretrain.config import RunConfig


@dataclass(frozen=True)
class LearningRates:
    """Learning rates of a step, as shares of the peak."""

    head: float
    """Of all modules except the encoder"""
    encoder: float


def build_optimizer(
    module: nn.Module, config: RunConfig, device: torch.device, encoder: Collection[nn.Parameter] = ()
) -> torch.optim.Optimizer:
    """AdamW (fused where possible) or LAMB; biases and norms are not decayed.

    The parameters `encoder` have groups of their own, with the learning rate of the encoder. Raises UsageError where
    the library of LAMB is missing.
    """
    groups = _groups(module, config, {id(p) for p in encoder})
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, config.learning_rate, (0.9, 0.98), fused=device.type in ("cuda", "cpu"))
    try:
        from pytorch_optimizer import Lamb
    except ImportError as error:
        raise UsageError(
            "run.optimizer",
            _("lamb needs pytorch_optimizer, which is not installed"),
            _("install it with: pip install 'cnlu[pretrain]'"),
        ) from error
    lamb: torch.optim.Optimizer = Lamb(groups, lr=config.learning_rate, weight_decay=config.weight_decay)
    return lamb


def rate_at(step: int, steps: int, config: RunConfig) -> float:
    """The learning rate of a step, counted from 0, as a share of the peak."""
    peak = {"linear": config.warmup, "triangle": 0.5, "constant": config.warmup}[config.schedule] * steps
    if step < peak:
        return (step + 1) / (peak + 1)
    return 1.0 if config.schedule == "constant" else max(0.0, (steps - step) / max(1.0, steps - peak))


def learning_rates(step: int, *, plan: Sequence[int], head_warmup: int, config: RunConfig) -> LearningRates:
    """The rates of a step, counted from 0.

    `plan` holds the number of steps of the run and, where the run was extended, those after each extension; each
    extension follows the schedule anew. The encoder is frozen for `head_warmup` steps; then it follows the schedule of
    the remaining steps from its start, with a warm-up of its own.
    """
    first, last = (plan[-2] if len(plan) > 1 else 0), plan[-1]
    unfrozen = max(first, head_warmup)
    encoder = rate_at(step - unfrozen, last - unfrozen, config) if step >= unfrozen else 0.0
    return LearningRates(rate_at(step - first, last - first, config), encoder)


def set_rates(optimizer: torch.optim.Optimizer, peak: float, rates: LearningRates) -> None:
    for group in optimizer.param_groups:
        group["lr"] = peak * (rates.encoder if group["encoder"] else rates.head)


def _groups(module: nn.Module, config: RunConfig, encoder: Collection[int]) -> list[dict[str, Any]]:
    """Groups of the trained parameters by membership in the encoder (`encoder` holds ids) and by weight decay."""
    trained = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {
            "params": [p for p in trained if (id(p) in encoder) == inside and (p.dim() > 1) == decayed],
            "weight_decay": config.weight_decay if decayed else 0.0,
            "encoder": inside,
        }
        for inside in (True, False)
        for decayed in (True, False)
    ]
    return [group for group in groups if group["params"]]
