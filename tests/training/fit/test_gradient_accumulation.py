"""Gradients of a batch computed in parts, with little memory, and with checkpointing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

import torch

from cnlu.data.schema import Example
from cnlu.errors import ModelError
from cnlu.model.ensemble import Ensemble
from tests.training.encoder_training import accumulator, gradients, prepare


def test_a_batch_in_parts_gives_the_gradients_of_the_whole(tiny_bert: Path, examples: list[Example]) -> None:
    _, rows, network = prepare(tiny_bert, examples)
    accumulator(network, rows, 16).accumulate(range(16))
    whole = gradients(network)
    network.zero_grad()
    accumulator(network, rows, 5).accumulate(range(16))
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(whole, gradients(network), strict=True))


def test_out_of_memory_halves_the_examples_computed_at_once_and_logs_it(
    tiny_bert: Path, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, rows, network = prepare(tiny_bert, examples)
    accumulator(network, rows, 16).accumulate(range(16))
    whole = gradients(network)
    network.zero_grad()
    read = Ensemble.encode

    def little_memory(self: Ensemble, batch: dict[str, torch.Tensor]) -> Any:
        if len(batch["tokens"]) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return read(self, batch)

    monkeypatch.setattr(Ensemble, "encode", little_memory)
    messages: list[str] = []
    small = accumulator(network, rows, 16, messages.append)
    small.accumulate(range(16))
    assert small.micro_batch_size == 4
    assert len(messages) == 2
    assert "out of memory" in messages[0] and "8 examples at once" in messages[0]
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(whole, gradients(network), strict=True))


def test_out_of_memory_with_a_single_example_is_an_error_that_names_a_setting(
    tiny_bert: Path, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, rows, network = prepare(tiny_bert, examples)

    def no_memory(self: Ensemble, batch: dict[str, torch.Tensor]) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Ensemble, "encode", no_memory)
    with pytest.raises(ModelError, match=r"with a single example; set encoder.checkpointing"):
        accumulator(network, rows, 2).accumulate(range(4))


def test_gradient_checkpointing_changes_no_gradient(tiny_bert: Path, examples: list[Example]) -> None:
    found = []
    for twice in ("false", "true"):
        _, rows, network = prepare(tiny_bert, examples, f"encoder.checkpointing={twice}")
        for module in network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        worker = accumulator(network, rows, 16)
        assert network.aligned_encoder is not None
        network.aligned_encoder.train()  # where it is not training nothing needs to be kept
        torch.manual_seed(3)
        worker.accumulate(range(16))
        found.append(gradients(network))
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(*found, strict=True))
