"""An encoder is recovered unchanged from an exported graph, or refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="an encoder needs the extra cnlu[train]")

import onnx
import torch

from cnlu.config import ModelConfig
from cnlu.data.tags import TagSet
from cnlu.encoder.backbone import Backbone
from cnlu.encoder.from_model import CONFIG, WEIGHTS, add_encoder_metadata, load_from_graph
from cnlu.encoder.load import load_encoder
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
    return export_onnx(
        Ensemble(NARROW, SIZES, TagSet(["a"], "BIO"), aligned_encoder=AlignedEncoder(backbone, "cls", 0))
    )


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


def test_a_graph_in_8_bits_gets_no_encoder_metadata(
    graph: bytes, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnlu.export.quantize.MIN_WEIGHTS", 1)
    rounded = quantize(graph)
    assert add_encoder_metadata(rounded, backbone) == rounded


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
