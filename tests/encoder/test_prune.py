"""Pruned layers and heads: the encoder is smaller and the rest is unchanged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="an encoder is loaded with the extra cnlu[train]")
pytest.importorskip("transformers", reason="an encoder is loaded with the extra cnlu[train]")

import torch

from cnlu.encoder.backbone import Backbone
from cnlu.encoder.load import load_encoder
from cnlu.encoder.prune import _attentions, keep_layers, prune_heads
from cnlu.errors import UsageError

WITHOUT_HEADS = ("xlnet", "deberta-v2")


@pytest.fixture
def backbone(family: str, tiny_encoder: Callable[[str], Path]) -> Backbone:
    return load_encoder(tiny_encoder(family)).backbone


@pytest.fixture
def bert(tiny_encoder: Callable[[str], Path]) -> Backbone:
    return load_encoder(tiny_encoder("bert")).backbone


def states(backbone: Backbone) -> list[torch.Tensor]:
    with torch.no_grad():
        return list(backbone(torch.arange(5, 15)[None], torch.ones(1, 10)))


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.allclose(a, b, atol=1e-5) for a, b in zip(one, other, strict=True))


def size(backbone: Backbone) -> int:
    return sum(p.numel() for p in backbone.parameters())


def test_keeping_all_layers_changes_nothing(backbone: Backbone) -> None:
    before = states(backbone)
    keep_layers(backbone, 2)
    assert same(before, states(backbone))


def test_one_layer_kept_is_the_last_one(family: str, backbone: Backbone) -> None:
    first, second = list(backbone.layers()) * (2 if family == "albert" else 1)
    before = size(backbone)
    keep_layers(backbone, 1)
    assert backbone.num_hidden_layers == 1
    assert list(backbone.layers()) == [second]
    assert len(states(backbone)) == 2
    assert (size(backbone) < before) == (first is not second)


def test_layers_kept_are_evenly_spread(write_encoder: Callable[..., Path]) -> None:
    backbone = load_encoder(write_encoder("bert", num_hidden_layers=12)).backbone
    layers = list(backbone.layers())
    keep_layers(backbone, 4)
    assert list(backbone.layers()) == [layers[i] for i in (2, 5, 8, 11)]
    keep_layers(backbone, 3)
    assert list(backbone.layers()) == [layers[i] for i in (5, 8, 11)]


@pytest.mark.parametrize("count", [0, 3, -1])
def test_more_layers_than_there_are_cannot_be_kept(bert: Backbone, count: int) -> None:
    with pytest.raises(UsageError, match=r"keep_layers: is -?\d, but this encoder has 2 layers"):
        keep_layers(bert, count)


def test_removing_no_heads_changes_nothing(backbone: Backbone) -> None:
    before, parameters = states(backbone), size(backbone)
    prune_heads(backbone, 0.0)
    assert same(before, states(backbone))
    assert size(backbone) == parameters


def test_heads_without_effect_are_pruned_first(family: str, backbone: Backbone) -> None:
    if family in WITHOUT_HEADS:
        with pytest.raises(UsageError, match=f"prune_heads: the heads of {family} cannot be removed"):
            prune_heads(backbone, 0.5)
        return
    found = _attentions(backbone.layers())
    for attention in found:
        assert attention.heads == 4
        for head in (1, 2):
            attention.out.weight.data[:, attention.rows(head)] = 0.0
    before, parameters = states(backbone), size(backbone)
    prune_heads(backbone, 0.5)
    assert same(before, states(backbone))
    assert [attention.heads for attention in _attentions(backbone.layers())] == [2] * len(found)
    assert size(backbone) < parameters
    assert {tuple(attention.query.weight.shape) for attention in found} == {tuple(found[0].key.weight.shape)}


def test_one_head_always_stays(bert: Backbone) -> None:
    prune_heads(bert, 0.99)
    assert [attention.heads for attention in _attentions(bert.layers())] == [1, 1]


def test_a_head_without_weights_but_with_a_bias_still_counts(bert: Backbone) -> None:
    attention = _attentions(bert.layers())[0]
    attention.value.weight.data[attention.rows(3)] = 0.0
    attention.value.bias.data[attention.rows(3)] = 100.0
    before = attention.value.bias.data[attention.rows(3)].clone()
    prune_heads(bert, 0.5)
    assert before.tolist() == attention.value.bias.data[-attention.head_size :].tolist()


@pytest.mark.parametrize("share", [1.0, -0.1])
def test_not_all_heads_can_be_pruned(bert: Backbone, share: float) -> None:
    with pytest.raises(UsageError, match="prune_heads: is"):
        prune_heads(bert, share)


def test_a_pruned_encoder_learns_on(bert: Backbone) -> None:
    keep_layers(bert, 1)
    prune_heads(bert, 0.5)
    bert.train()
    bert(torch.arange(5, 15)[None], torch.ones(1, 10))[-1].sum().backward()
    assert all(p.grad is not None for p in bert.parameters())
