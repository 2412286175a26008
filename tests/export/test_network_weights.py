"""network.safetensors holds the trained weights in float16; any other file in its place is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("torch", reason="the network needs the extra cnlu[train]")

import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load, save
from torch import Tensor

from cnlu.config.files import load_config
from cnlu.data.jsonl import write_jsonl
from cnlu.errors import ModelError
from cnlu.export.network_weights import NETWORK_WEIGHTS, read_weights, to_safetensors
from cnlu.runtime.interpreter import Interpreter
from cnlu.runtime.model_dir import ModelFiles, read_model_dir
from cnlu.training.pipeline import TrainingResult
from cnlu.training.request import Request
from cnlu.training.train import train
from tests.training.small import EXAMPLES, SMALL

TABLES = ("characters", "sentence")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingResult, ModelFiles]:
    """A training's result in memory, and the files it wrote."""
    folder = tmp_path_factory.mktemp("weights")
    write_jsonl(EXAMPLES, folder / "examples.jsonl")
    config = load_config(None, [*SMALL, "model.members=2", "model.masked_tokens=0.1"])
    result = train(Request([folder / "examples.jsonl"], folder / "model", config, device="cpu", quiet=True))
    return result, read_model_dir(folder / "model")


def parameters(result: TrainingResult) -> dict[str, Tensor]:
    """The members' parameters, without those that only the masked-character loss needs."""
    return {
        name: parameter.detach()
        for name, parameter in result.network.named_parameters()
        if name.split(".")[2] not in ("masked_character_head", "mask_vector")
    }


def test_the_weights_read_are_the_trained_ones_rounded_to_float16(trained: tuple[TrainingResult, ModelFiles]) -> None:
    result, files = trained
    found, expected = read_weights(files, Interpreter.of(files)), parameters(result)
    assert found.keys() == expected.keys()
    for name, weight in found.items():
        if name.split(".")[2] not in TABLES:
            assert weight.dtype == torch.float32 and torch.equal(weight, expected[name].half().float()), name


def test_the_sparse_tables_are_those_of_the_graph(trained: tuple[TrainingResult, ModelFiles]) -> None:
    """The trained tables are 8-bit rows, and the graph holds their scales times the projection's own."""
    result, files = trained
    found = read_weights(files, Interpreter.of(files))
    graph = {t.name: t for t in onnx.load_from_string(files.files["model.onnx"]).graph.initializer}
    for number, member in enumerate(result.network.networks()):
        for part in TABLES:
            table = found[f"members.{number}.{part}.table.weight"]
            torch.testing.assert_close(table, getattr(member, part).table.weight.detach(), rtol=1e-6, atol=0.0)
            steps = torch.from_numpy(numpy_helper.to_array(graph[f"{part}_steps"]).copy())
            assert torch.equal(table.sign(), steps.chunk(2, 1)[number].sign().float())


def test_the_file_is_small_and_the_same_weights_give_the_same_bytes(trained: tuple[TrainingResult, ModelFiles]) -> None:
    result, files = trained
    content = files.files[NETWORK_WEIGHTS]
    assert to_safetensors(result.network) == content
    stored = load(content)
    assert {weight.dtype for weight in stored.values()} == {torch.float16}
    assert not any(name.split(".")[2] in (*TABLES, "masked_character_head", "mask_vector") for name in stored)


def test_a_weight_beyond_float16_is_refused(trained: tuple[TrainingResult, ModelFiles]) -> None:
    network = trained[0].network
    bias = network.networks()[0].character_in.bias
    kept = bias.detach().clone()
    try:
        with torch.no_grad():
            bias[0] = 1e6
        with pytest.raises(ModelError, match="a weight is too large for float16; lower training.learning_rate"):
            to_safetensors(network)
    finally:
        with torch.no_grad():
            bias.copy_(kept)


NAME = "members.0.character_in.weight"


def without_one(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: weight for name, weight in weights.items() if name != NAME}


def with_another(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return weights | {"members.0.more": torch.zeros(1, dtype=torch.float16)}


def transposed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return weights | {NAME: torch.zeros(3, 1, dtype=torch.float16)}


def in_float32(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return weights | {NAME: weights[NAME].float()}


def with_nan(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return weights | {NAME: torch.full_like(weights[NAME], float("nan"))}


def with_infinity(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return weights | {NAME: torch.full_like(weights[NAME], float("inf"))}


def too_large(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return weights | {"more": torch.zeros(1 << 21, dtype=torch.float16)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_one, f"missing or unknown: {NAME}"),
        (with_another, "missing or unknown: members.0.more"),
        (transposed, rf"{NAME} is torch.float16 \[3, 1\]"),
        (in_float32, f"{NAME} is torch.float32"),
        (with_nan, f"{NAME} has values that are no numbers"),
        (with_infinity, f"{NAME} has values that are no numbers"),
        (too_large, "bytes are too many"),
    ],
)
def test_another_file_is_refused(
    trained: tuple[TrainingResult, ModelFiles], change: Callable[[dict[str, Tensor]], dict[str, Tensor]], message: str
) -> None:
    content = save(change(load(trained[1].files[NETWORK_WEIGHTS])))
    with pytest.raises(ModelError, match=rf"{NETWORK_WEIGHTS}: does not fit the model's other files \(.*{message}"):
        read(trained[1], **{NETWORK_WEIGHTS: content})


@pytest.mark.parametrize("content", [b"", b"no safetensors", b"\xff" * 64, (1 << 40).to_bytes(8, "little")])
def test_bytes_that_are_no_safetensors_are_refused(trained: tuple[TrainingResult, ModelFiles], content: bytes) -> None:
    with pytest.raises(ModelError, match="does not fit the model's other files"):
        read(trained[1], **{NETWORK_WEIGHTS: content})


def test_a_truncated_file_is_refused(trained: tuple[TrainingResult, ModelFiles]) -> None:
    with pytest.raises(ModelError, match="does not fit the model's other files"):
        read(trained[1], **{NETWORK_WEIGHTS: trained[1].files[NETWORK_WEIGHTS][:-2]})


def test_a_graph_without_its_tables_is_refused(trained: tuple[TrainingResult, ModelFiles]) -> None:
    graph = trained[1].files["model.onnx"].replace(b"characters_steps", b"characters_stepz")
    with pytest.raises(ModelError, match="does not fit the model's other files"):
        read(trained[1], **{"model.onnx": graph})


def test_a_model_without_the_file_says_how_to_get_one(trained: tuple[TrainingResult, ModelFiles]) -> None:
    files = {name: content for name, content in trained[1].files.items() if name != NETWORK_WEIGHTS}
    with pytest.raises(ModelError, match=r"holds no network\.safetensors, .*without --no-store-weights"):
        read_weights(replace(trained[1], files=files), Interpreter.of(trained[1]))


def read(files: ModelFiles, **changed: Any) -> dict[str, Tensor]:
    """The weights of the model with some files replaced."""
    return read_weights(replace(files, files={**files.files, **changed}), Interpreter.of(files))


def test_parsing_does_not_open_the_file(trained: tuple[TrainingResult, ModelFiles]) -> None:
    damaged = replace(trained[1], files={**trained[1].files, NETWORK_WEIGHTS: b"damaged"})
    assert Interpreter.of(damaged).parse("我要去北京") == Interpreter.of(trained[1]).parse("我要去北京")
