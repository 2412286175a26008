from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

import torch

from cnlu.pytorch.optimizer_state import optimizer_tensors, restore_optimizer


def test_a_restored_optimizer_takes_the_same_next_step() -> None:
    def step(parameter: torch.nn.Parameter, optimizer: torch.optim.Optimizer, gradient: float) -> None:
        parameter.grad = torch.full_like(parameter, gradient)
        optimizer.step()

    first = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([first], lr=0.1)
    for gradient in (1.0, -0.5):
        step(first, optimizer, gradient)
    second = torch.nn.Parameter(first.detach().clone())
    restored = torch.optim.AdamW([second], lr=0.1)
    saved = {name: tensor.clone() for name, tensor in optimizer_tensors(optimizer).items()}
    restore_optimizer(restored, saved)
    step(first, optimizer, 0.25)
    step(second, restored, 0.25)
    assert torch.equal(first, second)
