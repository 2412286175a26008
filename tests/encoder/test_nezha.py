"""NEZHA's attention equals the paper's formula, written here as loops; published files load."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="an encoder is loaded with the extra cnlu[train]")
pytest.importorskip("transformers", reason="an encoder is loaded with the extra cnlu[train]")

import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from cnlu.encoder.load import load_encoder
from cnlu.encoder.nezha import NezhaConfig, NezhaModel, _SelfAttention, distance_table

Array = NDArray[Any]
FURTHEST, HEADS, DEPTH = 3, 2, 6


def distance_vector(i: int, j: int) -> Array:
    """a_ij of arXiv 1909.00204, section 2.1, the clipped distance j - i counted from -FURTHEST as in the release."""
    distance = max(-FURTHEST, min(FURTHEST, j - i)) + FURTHEST
    a = np.zeros(DEPTH)
    for k in range(DEPTH // 2):
        a[2 * k] = math.sin(distance / 10000 ** (2 * k / DEPTH))
        a[2 * k + 1] = math.cos(distance / 10000 ** (2 * k / DEPTH))
    return a


def attention_by_the_formula(x: Array, weights: dict[str, Array], present: list[bool]) -> Array:
    """z_i = sum_j softmax_j(q_i (k_j + a_ij) / sqrt(depth)) (v_j + a_ij) of each head, over present tokens."""
    z = np.zeros_like(x)
    for head in range(HEADS):
        part = slice(head * DEPTH, (head + 1) * DEPTH)
        q, k, v = (
            x @ weights[f"{name}.weight"][part].T + weights[f"{name}.bias"][part] for name in ("query", "key", "value")
        )
        for i in range(len(x)):
            scores = [
                math.exp(q[i] @ (k[j] + distance_vector(i, j)) / math.sqrt(DEPTH)) * present[j] for j in range(len(x))
            ]
            z[i, part] = sum(score / sum(scores) * (v[j] + distance_vector(i, j)) for j, score in enumerate(scores))
    return z


def small(**changes: Any) -> NezhaConfig:
    sizes = {
        "vocab_size": 30,
        "hidden_size": HEADS * DEPTH,
        "num_hidden_layers": 1,
        "num_attention_heads": HEADS,
        "intermediate_size": 8,
        "max_relative_position": FURTHEST,
        "initializer_range": 0.5,
    }
    return NezhaConfig(**{**sizes, **changes})


def test_its_attention_is_the_papers_formula() -> None:
    torch.manual_seed(3)
    model = NezhaModel(small()).eval()
    attention = model.layers[0].attention["self"]
    assert isinstance(attention, _SelfAttention)
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(1, 9, HEADS * DEPTH)
    padding = torch.zeros(1, 1, 1, 9)
    padding[..., 7:] = torch.finfo(torch.float32).min
    with torch.no_grad():
        given = attention(x, padding, model._distances(9))[0]
    weights = {name: value.numpy().astype(float) for name, value in attention.state_dict().items()}
    expected = attention_by_the_formula(x[0].numpy().astype(float), weights, [True] * 7 + [False] * 2)
    assert np.allclose(given.numpy(), expected, atol=1e-5)


def test_distances_beyond_the_furthest_are_one_distance() -> None:
    table = distance_table(FURTHEST, DEPTH)
    assert table.shape == (2 * FURTHEST + 1, DEPTH)
    distances = NezhaModel(small())._distances(9)
    for i in range(9):
        for j in range(9):
            assert np.allclose(distances[i, j].numpy(), distance_vector(i, j), atol=1e-6)
    assert torch.equal(distances[0, FURTHEST], distances[0, 8])


def test_word_order_matters_though_no_position_is_added() -> None:
    model = NezhaModel(small()).eval()
    one, other = torch.tensor([[5, 6, 7]]), torch.tensor([[7, 6, 5]])
    mask = torch.ones(1, 3)
    with torch.no_grad():
        assert torch.equal(model(one, mask).hidden_states[0][0, 1], model(other, mask).hidden_states[0][0, 1])
        assert not torch.allclose(model(one, mask).hidden_states[1][0, 1], model(other, mask).hidden_states[1][0, 1])


def test_without_relative_positions_it_is_bert() -> None:
    """With `use_relative_position: false`, positions are added to the tokens, as in BERT."""
    from transformers import BertConfig, BertModel

    config = small(use_relative_position=False, max_position_embeddings=16)
    model = NezhaModel(config).eval()
    kept = {key: value for key, value in config.to_dict().items() if key not in ("model_type", "transformers_version")}
    bert = BertModel(BertConfig(**kept), add_pooling_layer=False).eval()
    assert model.load_state_dict(bert.state_dict(), strict=False).missing_keys == []
    ids, mask = torch.tensor([[5, 6, 7, 8]]), torch.ones(1, 4)
    with torch.no_grad():
        expected = bert(ids, mask, output_hidden_states=True).hidden_states
        given = model(ids, mask).hidden_states
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(given, expected, strict=True))


@pytest.mark.parametrize("prefix", ["", "bert.", "nezha."])
@pytest.mark.parametrize("old", [False, True])
def test_published_names_load(write_encoder: Callable[..., Path], prefix: str, old: bool) -> None:
    """The files contain heads, buffers and names of the first release: gamma and beta, no model_type."""
    folder = write_encoder("nezha")
    weights = load_file(folder / "model.safetensors")
    renamed = {prefix + name.removeprefix("bert."): value for name, value in weights.items()}
    layer = f"{prefix}encoder.layer.0.attention.self.relative_positions_encoding.positions_encoding"
    renamed |= {
        f"{prefix}pooler.dense.weight": torch.zeros(2),
        "cls.predictions.bias": torch.zeros(2),
        layer: torch.zeros(2),
    }
    if old:
        for new, first in (("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")):
            renamed = {name.replace(new, first): value for name, value in renamed.items()}
        config = json.loads((folder / "config.json").read_text("utf-8"))
        del config["model_type"]
        (folder / "config.json").write_text(json.dumps(config), "utf-8")
    save_file(renamed, folder / "model.safetensors")
    found = load_encoder(folder)
    assert found.notes == []
    own = found.backbone.model.state_dict()
    assert all(torch.equal(own[name.removeprefix("bert.")], value) for name, value in weights.items())


def test_checkpointing_gives_the_same_gradients() -> None:
    model = NezhaModel(small(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)).train()
    gradients = []
    for _ in range(2):
        model.zero_grad()
        model(torch.tensor([[5, 6, 7]]), torch.ones(1, 3)).hidden_states[-1].square().sum().backward()
        gradients.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
        model.gradient_checkpointing_enable()
    assert all(torch.allclose(one, other) for one, other in zip(*gradients, strict=True))
    assert len(gradients[0]) == len(list(model.parameters()))
