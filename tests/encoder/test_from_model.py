"""An encoder is recovered from an exported graph, unchanged or rounded as a graph in 8 bits stores it, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="an encoder needs the extra cnlu[train]")

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from cnlu.config import ModelConfig
from cnlu.data.tags import TagSet
from cnlu.encoder.backbone import Backbone
from cnlu.encoder.from_model import (
    CONFIG,
    WEIGHTS,
    add_encoder_metadata,
    keep_metadata_if_recoverable,
    load_from_graph,
)
from cnlu.encoder.load import load_encoder
from cnlu.encoder.onnx_initializers import read_initializer
from cnlu.encoder.prune import keep_layers
from cnlu.errors import CnluError, UsageError
from cnlu.export.onnx_export import export_onnx, without_exporter_metadata
from cnlu.export.quantize import quantize
from cnlu.model.encoder_output import AlignedEncoder
from cnlu.model.ensemble import Ensemble
from cnlu.model.network import Sizes

NARROW = ModelConfig(members=1, sparse_width=8, width=8, heads=2, feedforward=16, label_width=8)
SIZES = Sizes(character_features=5, sentence_features=5, intents=2, roles=0, groups=0, encoder=32, views=1)


def cut(directory: Path) -> Backbone:
    """The encoder without its last layers."""
    backbone = load_encoder(directory).backbone
    keep_layers(backbone, 1)
    return backbone


@pytest.fixture(scope="module")
def backbone(tiny_bert: Path) -> Backbone:
    return cut(tiny_bert)


@pytest.fixture(scope="module")
def graph(backbone: Backbone) -> bytes:
    return exported(backbone)


def exported(backbone: Backbone) -> bytes:
    return export_onnx(
        Ensemble(NARROW, SIZES, TagSet(["a"], "BIO"), aligned_encoder=AlignedEncoder(backbone, "cls", 0))
    )


@pytest.fixture
def small_matrices_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """All matrices are quantized, however small."""
    monkeypatch.setattr("cnlu.export.quantize.MIN_WEIGHTS", 1)


@pytest.fixture
def rounded(graph: bytes, backbone: Backbone, small_matrices_too: None) -> bytes:
    """The graph in 8 bits, as the model directory stores it."""
    return without_exporter_metadata(quantize(add_encoder_metadata(graph, backbone)))


def notes(graph: bytes) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load_from_string(graph).metadata_props}


def test_the_encoder_built_again_has_the_hidden_states_of_the_exported_one(graph: bytes, backbone: Backbone) -> None:
    stored = load_from_graph(without_exporter_metadata(add_encoder_metadata(graph, backbone)), "model")
    ids, mask = torch.randint(5, 100, (4, 12)), torch.ones(4, 12)
    mask[1, 5:] = 0
    with torch.no_grad():
        for found, expected in zip(stored(ids, mask), backbone(ids, mask), strict=True):
            assert torch.allclose(found, expected, atol=1e-6)
    assert (stored.width, stored.num_hidden_layers, stored.training) == (32, 1, False)


def test_weights_that_the_exporter_transposed_are_found(graph: bytes, backbone: Backbone) -> None:
    noted = json.loads(notes(add_encoder_metadata(graph, backbone))[WEIGHTS])
    assert {form for _, form in noted.values()} == {"plain", "transposed"}
    assert noted.keys() == dict(backbone.named_parameters()).keys()


def test_the_metadata_contains_nothing_of_this_machine(graph: bytes, backbone: Backbone, tiny_bert: Path) -> None:
    settings = notes(add_encoder_metadata(graph, backbone))[CONFIG]
    assert str(tiny_bert.parent) not in settings and "transformers_version" not in settings


def assert_rounded(recovered: Backbone, original: Backbone) -> None:
    """Matrices are in steps of 1/127 of the largest weight of their row, which is an output of a product; the other
    weights are unchanged."""
    for (name, found), expected in zip(recovered.named_parameters(), original.parameters(), strict=True):
        step = expected.abs().amax(1, keepdim=True) / 127 if expected.ndim == 2 else torch.zeros(())
        assert bool(((found - expected).abs() <= 0.501 * step).all()), name


def test_weights_recovered_from_8_bits_are_within_half_a_step(rounded: bytes, backbone: Backbone) -> None:
    recovered = load_from_graph(rounded, "model")
    assert_rounded(recovered, backbone)
    names = [
        name for name, found in recovered.named_parameters() if not torch.equal(found, backbone.get_parameter(name))
    ]
    assert {"word_embeddings", "query", "intermediate"} <= {part for name in names for part in name.split(".")}


@pytest.mark.parametrize("family", ["electra", "albert"])
def test_projected_embeddings_and_shared_layers_are_recovered_from_8_bits(
    family: str, tiny_encoder: Callable[[str], Path], small_matrices_too: None
) -> None:
    original = cut(tiny_encoder(family))
    recovered = load_from_graph(quantize(add_encoder_metadata(exported(original), original)), "model")
    assert_rounded(recovered, original)


def test_hidden_states_of_an_encoder_in_8_bits_are_within_2_percent_of_those_in_float32(
    rounded: bytes, backbone: Backbone
) -> None:
    ids, mask = torch.randint(5, 100, (4, 12), generator=torch.Generator().manual_seed(1)), torch.ones(4, 12)
    with torch.no_grad():
        for found, expected in zip(load_from_graph(rounded, "model")(ids, mask), backbone(ids, mask), strict=True):
            assert 0 < float((found - expected).pow(2).mean().sqrt() / expected.std()) < 0.02


def test_recovered_weights_are_rounded_to_the_same_steps_again(graph: bytes, rounded: bytes) -> None:
    """So rounding errors do not add up when a model is trained further several times."""
    model, first = onnx.load_from_string(graph), initializers(rounded)
    weights = {name for name, _ in json.loads(notes(rounded)[WEIGHTS]).values()}
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            tensor.CopyFrom(numpy_helper.from_array(read_initializer(first, tensor.name), tensor.name))
    again = initializers(quantize(bytes(model.SerializeToString())))
    stored = [name + suffix for name in weights for suffix in ("_rows", "_quantized") if name + suffix in first]
    assert len(stored) > 5
    for name in stored:
        assert np.array_equal(numpy_helper.to_array(first[name]), numpy_helper.to_array(again[name])), name


def initializers(graph: bytes) -> dict[str, onnx.TensorProto]:
    return {tensor.name: tensor for tensor in onnx.load_from_string(graph).graph.initializer}


@pytest.mark.parametrize("change", ["transposed", "renamed"])
def test_a_matrix_that_the_quantizer_stores_in_another_way_costs_the_metadata(
    graph: bytes, rounded: bytes, backbone: Backbone, change: str
) -> None:
    plain = add_encoder_metadata(graph, backbone)
    assert keep_metadata_if_recoverable(rounded, plain) == rounded
    model = onnx.load_from_string(rounded)
    square = next(t for t in model.graph.initializer if t.name.endswith("_quantized") and list(t.dims) == [32, 32])
    if change == "renamed":
        square.name = "other"
    else:
        square.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(numpy_helper.to_array(square).T), square.name))
    changed = keep_metadata_if_recoverable(model.SerializeToString(), plain)
    assert not {WEIGHTS, CONFIG} & notes(changed).keys()


def test_a_graph_with_other_weights_gets_no_metadata(graph: bytes, tiny_bert: Path) -> None:
    other = cut(tiny_bert)
    with torch.no_grad():
        next(p for name, p in other.named_parameters() if name.endswith("query.weight")).add_(1.0)
    assert add_encoder_metadata(graph, other) == graph


def test_layers_that_do_not_match_their_settings_get_no_metadata(graph: bytes, tiny_bert: Path) -> None:
    other = cut(tiny_bert)
    other.config.intermediate_size = 48
    assert add_encoder_metadata(graph, other) == graph


def test_a_model_without_an_encoder_to_take_out_is_refused_by_name(graph: bytes) -> None:
    with pytest.raises(UsageError, match="some/model: the encoder cannot be recovered"):
        load_from_graph(graph, "some/model")


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        (CONFIG, {"hidden_size": 1 << 20, "num_attention_heads": 4}, "weights in"),
        (CONFIG, {"num_hidden_layers": 10**9}, "1000000000 layers"),
        (CONFIG, {"model_type": "nothing"}, "has no model family"),
        (WEIGHTS, {"model.encoder.layer.0.output.dense.weight": ["nothing", "plain"]}, "does not match its weights"),
    ],
)
def test_damaged_metadata_is_an_error_message(
    graph: bytes, backbone: Backbone, key: str, change: dict[str, object], message: str
) -> None:
    model = onnx.load_from_string(add_encoder_metadata(graph, backbone))
    for entry in model.metadata_props:
        if entry.key == key:
            entry.value = json.dumps(json.loads(entry.value) | change)
    with pytest.raises(CnluError, match=message):
        load_from_graph(model.SerializeToString(), "model")


@pytest.mark.parametrize("suffix", ["_rows", "_quantized"])
def test_scales_of_another_shape_than_the_matrix_are_an_error_message(rounded: bytes, suffix: str) -> None:
    """Broadcasting them could take any amount of memory."""
    model = onnx.load_from_string(rounded)
    places = json.loads(notes(rounded)[WEIGHTS])
    stored = initializers(rounded)
    name = next(name for name, _ in places.values() if name + suffix in stored)
    scale = next(tensor for tensor in model.graph.initializer if tensor.name == f"{name}_scale")
    scale.CopyFrom(numpy_helper.from_array(np.ones((1, 10**6), np.float32), scale.name))
    with pytest.raises(UsageError, match=r"does not match its weights .*scales of shape \[1, 1000000\]"):
        load_from_graph(model.SerializeToString(), "model")
