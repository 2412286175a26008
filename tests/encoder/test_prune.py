"""Fewer layers and fewer heads: smaller, and nothing else than what was removed has changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="an encoder is loaded with the extra cnlu[train]")
pytest.importorskip("transformers", reason="an encoder is loaded with the extra cnlu[train]")

import torch

from cnlu.encoder.backbone import Body
from cnlu.encoder.load import load_encoder
from cnlu.encoder.prune import _attentions, keep_layers, prune_heads
from cnlu.errors import UsageError

WITHOUT_HEADS = ("xlnet", "deberta-v2")


@pytest.fixture
def body(family: str, tiny_encoder: Callable[[str], Path]) -> Body:
    return load_encoder(tiny_encoder(family)).body


@pytest.fixture
def bert(tiny_encoder: Callable[[str], Path]) -> Body:
    return load_encoder(tiny_encoder("bert")).body


def states(body: Body) -> list[torch.Tensor]:
    with torch.no_grad():
        return list(body(torch.arange(5, 15)[None], torch.ones(1, 10)))


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.allclose(a, b, atol=1e-5) for a, b in zip(one, other, strict=True))


def size(body: Body) -> int:
    return sum(p.numel() for p in body.parameters())


def test_keeping_all_layers_changes_nothing(body: Body) -> None:
    before = states(body)
    keep_layers(body, 2)
    assert same(before, states(body))


def test_one_layer_kept_is_the_last_one(family: str, body: Body) -> None:
    first, second = list(body.layers()) * (2 if family == "albert" else 1)
    before = size(body)
    keep_layers(body, 1)
    assert body.depth == 1
    assert list(body.layers()) == [second]
    assert len(states(body)) == 2
    assert (size(body) < before) == (first is not second)


def test_layers_kept_are_evenly_spread(write_encoder: Callable[..., Path]) -> None:
    body = load_encoder(write_encoder("bert", num_hidden_layers=12)).body
    layers = list(body.layers())
    keep_layers(body, 4)
    assert list(body.layers()) == [layers[i] for i in (2, 5, 8, 11)]
    keep_layers(body, 3)
    assert list(body.layers()) == [layers[i] for i in (5, 8, 11)]


@pytest.mark.parametrize("count", [0, 3, -1])
def test_more_layers_than_there_are_cannot_be_kept(bert: Body, count: int) -> None:
    with pytest.raises(UsageError, match=r"keep_layers is -?\d, and this encoder has 2 layers"):
        keep_layers(bert, count)


def test_removing_no_heads_changes_nothing(body: Body) -> None:
    before, parameters = states(body), size(body)
    prune_heads(body, 0.0)
    assert same(before, states(body))
    assert size(body) == parameters


def test_heads_that_add_nothing_go_first_and_nothing_changes(family: str, body: Body) -> None:
    if family in WITHOUT_HEADS:
        with pytest.raises(UsageError, match=f"prune_heads: the heads of {family} cannot be removed"):
            prune_heads(body, 0.5)
        return
    found = _attentions(body.layers())
    for attention in found:
        assert attention.heads == 4
        for head in (1, 2):
            attention.out.weight.data[:, attention.rows(head)] = 0.0
    before, parameters = states(body), size(body)
    prune_heads(body, 0.5)
    assert same(before, states(body))
    assert [attention.heads for attention in _attentions(body.layers())] == [2] * len(found)
    assert size(body) < parameters
    assert {tuple(attention.query.weight.shape) for attention in found} == {tuple(found[0].key.weight.shape)}


def test_one_head_always_stays(bert: Body) -> None:
    prune_heads(bert, 0.99)
    assert [attention.heads for attention in _attentions(bert.layers())] == [1, 1]


def test_a_head_without_weights_but_with_a_bias_still_counts(bert: Body) -> None:
    attention = _attentions(bert.layers())[0]
    attention.value.weight.data[attention.rows(3)] = 0.0
    attention.value.bias.data[attention.rows(3)] = 100.0
    before = attention.value.bias.data[attention.rows(3)].clone()
    prune_heads(bert, 0.5)
    assert before.tolist() == attention.value.bias.data[-attention.depth :].tolist()


@pytest.mark.parametrize("share", [1.0, -0.1])
def test_not_all_heads_can_go(bert: Body, share: float) -> None:
    with pytest.raises(UsageError, match="prune_heads is"):
        prune_heads(bert, share)


def test_a_pruned_encoder_learns_on(bert: Body) -> None:
    keep_layers(bert, 1)
    prune_heads(bert, 0.5)
    bert.train()
    bert(torch.arange(5, 15)[None], torch.ones(1, 10))[-1].sum().backward()
    assert all(p.grad is not None for p in bert.parameters())
