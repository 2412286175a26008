"""The optimizer and the learning-rate schedule."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu_pretrain.config import RunConfig


def build_optimizer(module: nn.Module, config: RunConfig, device: torch.device) -> torch.optim.Optimizer:
    """AdamW (fused where possible) or LAMB; biases and norms are not decayed.

    Raises UsageError where the library of LAMB is missing.
    """
    decayed = [p for p in module.parameters() if p.dim() > 1]
    others = [p for p in module.parameters() if p.dim() <= 1]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
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


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
