"""A graph in 8 bits gives nearly the scores of its float32 graph, and stores its matrices as bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")
pytest.importorskip("transformers", reason="an encoder is loaded with the extra cnlu[train]")

import onnx
import onnxruntime
import torch
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS

from cnlu.config import ModelConfig
from cnlu.data.tags import TagSet
from cnlu.encoder.load import load_encoder
from cnlu.export import quantize as module
from cnlu.export.onnx_export import export_onnx, round_tables
from cnlu.export.quantize import quantize
from cnlu.model.encoder_output import AlignedEncoder
from cnlu.model.ensemble import Ensemble
from cnlu.model.network import Sizes
from cnlu.runtime.graph_check import infer_shapes, unsupported_operators
from cnlu.runtime.onnx_file import read_graph

SMALLEST = 512
NAMES = ("emissions", "intent", "roles", "groups")


@dataclass(frozen=True)
class Graphs:
    """A network in float32 and in 8 bits, and the encoder's vocabulary."""

    network: Ensemble
    plain: bytes
    rounded: bytes
    tokens: int


@pytest.fixture(scope="module")
def graphs(tiny_bert: Path) -> Iterator[Graphs]:
    torch.manual_seed(0)
    body = load_encoder(tiny_bert).backbone
    config = ModelConfig(members=2, sparse_width=16, width=32, heads=4, feedforward=48, label_width=8)
    sizes = Sizes(
        character_features=50, sentence_features=40, intents=30, roles=1, groups=0, encoder=body.width, views=1
    )
    network = Ensemble(
        config, sizes, TagSet(["city", "date"], "BIO"), aligned_encoder=AlignedEncoder(body, "cls", 0)
    ).eval()
    with torch.no_grad():
        for member in network.networks():
            torch.nn.init.normal_(member.emissions.weight)
    round_tables(network)
    plain = export_onnx(network)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MIN_WEIGHTS", SMALLEST)
        yield Graphs(network, plain, quantize(plain), body.vocab_size)


def inputs(tokens: int, rows: int = 3, length: int = 9) -> dict[str, NDArray[np.generic]]:
    """Texts, every second one a character shorter; the tokens are the characters between two special tokens."""
    random = np.random.default_rng(rows)
    mask = np.ones((rows, length), np.float32)
    mask[1::2, -1] = 0
    marked = np.concatenate([np.ones((rows, 2), np.float32), mask], 1)
    alignment = np.zeros((rows, length, length + 2), np.float32)
    alignment[:, range(length), range(1, length + 1)] = mask
    return {
        "characters": random.integers(1, 50, (rows, length, 4)) * mask[..., None].astype(np.int64),
        "sentence": random.integers(1, 40, (rows, 6)),
        "mask": mask,
        "tokens": random.integers(5, tokens, (rows, length + 2)),
        "token_mask": marked,
        "alignment": alignment,
    }


def answers(graph: bytes, given: dict[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
    """The outputs by name, without those of padding."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    found = dict(zip(NAMES, session.run(None, given), strict=True))
    return {name: array[given["mask"] > 0] if array.ndim == 3 else array for name, array in found.items()}


def constants(graph: bytes) -> dict[str, onnx.TensorProto]:
    return {tensor.name: tensor for tensor in onnx.load_from_string(graph).graph.initializer}


def test_the_plain_graph_answers_as_torch_does(graphs: Graphs) -> None:
    given = inputs(graphs.tokens)
    with torch.no_grad():
        outputs = graphs.network({name: torch.from_numpy(array) for name, array in given.items()})
    expected = dict(zip(NAMES, (output.numpy() for output in outputs), strict=True))
    for name, array in answers(graphs.plain, given).items():
        other = expected[name]
        assert np.allclose(array, other[given["mask"] > 0] if other.ndim == 3 else other, atol=1e-5), name


@pytest.mark.parametrize(("rows", "length"), [(1, 1), (1, 12), (4, 30)])
def test_the_answers_are_nearly_the_same(graphs: Graphs, rows: int, length: int) -> None:
    given = inputs(graphs.tokens, rows, length)
    plain, rounded = answers(graphs.plain, given), answers(graphs.rounded, given)
    for name in ("emissions", "intent"):
        spread, error = float(plain[name].std()), float(np.abs(plain[name] - rounded[name]).max())
        assert 0 < error < 0.3 * spread, name


def test_no_large_matrix_stays_in_float32(graphs: Graphs) -> None:
    def large(graph: bytes) -> list[str]:  # but the scales of rows, one each
        return [
            name
            for name, tensor in constants(graph).items()
            if tensor.data_type == onnx.TensorProto.FLOAT
            and len(tensor.dims) == 2
            and np.prod(tensor.dims) >= SMALLEST
            and tensor.dims[1] > 1
        ]

    assert len(large(graphs.plain)) > 10
    assert large(graphs.rounded) == []


@pytest.mark.parametrize("smallest", [1 << 30, 1 << 14])
def test_products_below_the_limit_are_left_alone(
    graphs: Graphs, monkeypatch: pytest.MonkeyPatch, smallest: int
) -> None:
    """The largest matrix of the tiny encoder is its word embedding."""
    monkeypatch.setattr(module, "MIN_WEIGHTS", smallest)
    graph = quantize(graphs.plain)
    assert "MatMulInteger" not in {node.op_type for node in onnx.load_from_string(graph).graph.node}
    rounded = any(name.endswith("word_embeddings.weight_rows") for name in constants(graph))
    assert rounded == (smallest < 1 << 30)


def test_scales_of_sparse_features_stay_in_float32(graphs: Graphs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small member's scale would be rounded to steps of the largest member's."""
    monkeypatch.setattr(module, "MIN_WEIGHTS", 1)
    plain, rounded = constants(graphs.plain), constants(quantize(graphs.plain))
    for name in ("characters_scale", "sentence_scale"):
        assert rounded[name].SerializeToString() == plain[name].SerializeToString()


def test_the_graph_has_only_operators_that_a_model_may_have(graphs: Graphs) -> None:
    assert unsupported_operators(graphs.rounded) == []
    given = inputs(graphs.tokens)
    session = onnxruntime.InferenceSession(graphs.rounded, providers=["CPUExecutionProvider"])
    shapes, _ = infer_shapes(read_graph(graphs.rounded), {name: array.shape for name, array in given.items()})
    assert shapes == dict(zip(NAMES, (one.shape for one in session.run(None, given)), strict=True))


def test_the_same_graph_gives_the_same_bytes(graphs: Graphs) -> None:
    assert quantize(graphs.plain) == graphs.rounded


def test_only_operations_of_the_standard_are_used(graphs: Graphs) -> None:
    for graph in (graphs.plain, graphs.rounded):
        assert {node.domain for node in onnx.load_from_string(graph).graph.node} == {""}


def test_no_addition_is_left_for_the_runtime_to_join_with_a_norm(graphs: Graphs) -> None:
    nodes = onnx.load_from_string(graphs.plain).graph.node
    made = {name: node.op_type for node in nodes for name in node.output}
    normed = [made[node.input[0]] for node in nodes if node.op_type == "LayerNormalization"]
    assert "Sum" in normed
    assert "Add" not in normed


def test_the_mask_of_other_encoders_is_what_it_was(graphs: Graphs) -> None:
    assert ALL_MASK_ATTENTION_FUNCTIONS["eager"].__module__.startswith("transformers.")
