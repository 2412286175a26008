"""AdamW with parameter groups, its learning rate schedule, and gradient clipping."""

from __future__ import annotations

from itertools import chain
from typing import Any

import torch
from torch import nn

from cnlu.config import EncoderConfig, TrainingConfig
from cnlu.encoder.backbone import Backbone
from cnlu.model.ensemble import Ensemble
from cnlu.model.network import JointNetwork


def build_optimizer(network: Ensemble, config: TrainingConfig, encoder: EncoderConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019), with separate rates for sparse rows, transitions and the encoder's layers."""
    members = network.networks()
    groups: list[dict[str, Any]] = [
        {"params": list(chain(*map(_sparse, members))), "lr": config.sparse_learning_rate},
        {"params": list(chain(*map(_crf, members))), "lr": config.crf_learning_rate, "weight_decay": 0.0},
        {"params": list(chain(*map(_rest, members))), "lr": config.learning_rate},
    ]
    if network.aligned_encoder is not None:
        groups += _layer_groups(network.aligned_encoder.backbone, encoder)
    for group in groups:
        group["peak"] = group["lr"]
    return torch.optim.AdamW(groups, weight_decay=config.weight_decay, betas=(0.9, 0.98), fused=True)


def _layer_groups(backbone: Backbone, encoder: EncoderConfig) -> list[dict[str, Any]]:
    """Layer-wise decay of the learning rate (Howard & Ruder 2018, section 3.2), highest in the last layer.

    The embeddings count as the layer below the first. Biases and norms have no weight decay.
    """
    layers = backbone.layers()
    depth = {id(p): number for number, layer in enumerate(layers, 1) for p in layer.parameters()}
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for parameter in backbone.parameters():
        if parameter.requires_grad:
            groups.setdefault((depth.get(id(parameter), 0), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": encoder.learning_rate * encoder.layer_decay ** (len(layers) - number),
            "weight_decay": encoder.weight_decay if decays else 0.0,
        }
        for (number, decays), parameters in groups.items()
    ]


def set_rate(optimizer: torch.optim.Optimizer, step: int, steps: int, warmup: float) -> None:
    """Set the learning rates of `step` (from 1) of `steps`."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * learning_rate_factor(step, steps, warmup)


def learning_rate_factor(step: int, steps: int, warmup: float) -> float:
    """Share of the peak rate at `step` (from 1): linear warm-up, then linear decay to 2 %."""
    rising = warmup * steps
    return step / rising if step < rising else max(0.02, 1.0 - (step - rising) / (steps - rising))


def clip_gradients(network: Ensemble, largest: float) -> None:
    """Clip the gradient norm of each member as if it learned alone, without its sparse rows and transitions."""
    members = network.networks()
    for member in members:
        nn.utils.clip_grad_norm_(_rest(member), largest)
    if network.aligned_encoder is not None:  # its gradient is the sum over the members that use it
        users = sum(member.sizes.encoder > 0 for member in members)
        nn.utils.clip_grad_norm_(network.aligned_encoder.parameters(), largest * users)


def _sparse(member: JointNetwork) -> list[nn.Parameter]:
    return [*member.characters.parameters(), *member.sentence.parameters()]


def _crf(member: JointNetwork) -> list[nn.Parameter]:
    return list(member.crf.parameters())


def _rest(member: JointNetwork) -> list[nn.Parameter]:
    special = {id(parameter) for parameter in _sparse(member) + _crf(member)}
    return [parameter for parameter in member.parameters() if id(parameter) not in special]
