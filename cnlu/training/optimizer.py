"""AdamW in groups, its rate over time, and the clipping of gradients."""

from __future__ import annotations

from itertools import chain
from typing import Any

import torch
from torch import nn

from cnlu.config import TrainingConfig
from cnlu.model.ensemble import Ensemble
from cnlu.model.network import JointNetwork


def build_optimizer(network: Ensemble, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019) with a rate of their own for sparse rows and for the tagger's transitions."""
    members = network.networks()
    groups: list[dict[str, Any]] = [
        {"params": list(chain(*map(_sparse, members))), "lr": config.sparse_learning_rate},
        {"params": list(chain(*map(_crf, members))), "lr": config.crf_learning_rate, "weight_decay": 0.0},
        {"params": list(chain(*map(_rest, members))), "lr": config.learning_rate},
    ]
    for group in groups:
        group["peak"] = group["lr"]
    return torch.optim.AdamW(groups, weight_decay=config.weight_decay, betas=(0.9, 0.98), fused=True)


def set_rate(optimizer: torch.optim.Optimizer, step: int, steps: int, warmup: float) -> None:
    """The rates at `step` (from 1) of `steps`."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * rate_factor(step, steps, warmup)


def rate_factor(step: int, steps: int, warmup: float) -> float:
    """Share of the peak rate at `step` (from 1): up linearly over the warm-up, then down to 2 %."""
    rising = warmup * steps
    return step / rising if step < rising else max(0.02, 1.0 - (step - rising) / (steps - rising))


def clip_gradients(network: Ensemble, largest: float) -> None:
    """Each member's own norm, as if it learned alone; sparse rows and transitions are left as they are."""
    for member in network.networks():
        nn.utils.clip_grad_norm_(_rest(member), largest)


def _sparse(member: JointNetwork) -> list[nn.Parameter]:
    return [*member.characters.parameters(), *member.sentence.parameters()]


def _crf(member: JointNetwork) -> list[nn.Parameter]:
    return list(member.crf.parameters())


def _rest(member: JointNetwork) -> list[nn.Parameter]:
    special = {id(parameter) for parameter in _sparse(member) + _crf(member)}
    return [parameter for parameter in member.parameters() if id(parameter) not in special]
