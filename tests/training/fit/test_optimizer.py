"""Learning rates and weight decay of the encoder's parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

import torch

from cnlu.config.files import load_config
from cnlu.data.schema import Example
from cnlu.training.fit.optimizer import build_optimizer
from tests.training.encoder_training import prepare


def test_layers_nearer_the_input_learn_more_slowly(tiny_bert: Path, examples: list[Example]) -> None:
    encoder, _, network = prepare(tiny_bert, examples)
    config = load_config(None, ["encoder.learning_rate=0.001", "encoder.layer_decay=0.5"], encoder=True)
    rate = {
        id(p): group["lr"]
        for group in build_optimizer(network, config.training, config.encoder).param_groups
        for p in group["params"]
    }
    first, second = encoder.aligned_encoder.backbone.layers()
    assert {rate[id(p)] for p in second.parameters()} == {0.001}
    assert {rate[id(p)] for p in first.parameters()} == {0.0005}
    embedding = next(m for m in encoder.aligned_encoder.backbone.modules() if isinstance(m, torch.nn.Embedding))
    assert rate[id(embedding.weight)] == 0.00025


def test_weight_decay_applies_to_matrices_alone(tiny_bert: Path, examples: list[Example]) -> None:
    _, _, network = prepare(tiny_bert, examples)
    config = load_config(None, ["encoder.weight_decay=0.3"], encoder=True)
    groups = build_optimizer(network, config.training, config.encoder).param_groups[3:]
    assert {p.ndim for group in groups if group["weight_decay"] == 0.0 for p in group["params"]} == {1}
    assert {p.ndim for group in groups if group["weight_decay"] == 0.3 for p in group["params"]} == {2}
