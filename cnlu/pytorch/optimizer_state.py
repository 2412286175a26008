"""Converts an optimizer's state to plain tensors and back, for the checkpoints of training and pretraining."""

from __future__ import annotations

import torch
from torch import Tensor


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The moments and step counts, each under `parameter number/name`."""
    state = optimizer.state_dict()["state"]
    return {
        f"{number}/{name}": torch.as_tensor(value)
        for number, moments in state.items()
        for name, value in moments.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Load what `optimizer_tensors` returned into an optimizer of the same parameters."""
    state_dict = optimizer.state_dict()
    state_dict["state"] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition("/")
        state_dict["state"].setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict(state_dict)
