"""A graph that training would not write is refused at load, before anything runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import cnlu
from cnlu.cli import main
from cnlu.errors import ModelError
from cnlu.runtime.graph_check import NetworkSpec, check_graph, infer_shapes
from cnlu.runtime.model_dir import read_model_dir, write_model_dir
from cnlu.runtime.onnx_file import read_graph
from cnlu.runtime.protobuf import BadMessage

SECRET = b"the password is 12345678" * 40
Change = Callable[[onnx.ModelProto], None]


@pytest.fixture
def attack(tiny_model: Path, tmp_path: Path) -> Callable[..., Path]:
    """A directory with a correct manifest and a model.onnx that a test has changed."""

    def write(change: Change | None = None, raw: Callable[[bytes], bytes] = bytes, **files: bytes) -> Path:
        model = read_model_dir(tiny_model)
        graph = onnx.load_from_string(model.files["model.onnx"])
        if change is not None:
            change(graph)
        changed = {**model.files, "model.onnx": raw(graph.SerializeToString())}
        changed |= {name.replace("__", "."): content for name, content in files.items()}
        write_model_dir(tmp_path / "bad", changed, {"segmenter": model.manifest["segmenter"]})
        return tmp_path / "bad"

    return write


def table(graph: onnx.ModelProto) -> Any:
    """A constant that every text is looked up in."""
    return next(tensor for tensor in graph.graph.initializer if tensor.name == "characters_scale")


def added(*nodes: onnx.NodeProto, **constants: Any) -> Change:
    """Nodes before all others and constants; what they give as `extra`, a number, is added to the intents' scores."""

    def change(graph: onnx.ModelProto) -> None:
        for name, value in constants.items():
            graph.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        for place, node in enumerate(nodes):
            graph.graph.node.insert(place, node)
        giver = next(node for node in graph.graph.node if "intent" in node.output)
        giver.output[list(giver.output).index("intent")] = "plain_intent"
        graph.graph.node.append(helper.make_node("Add", ["plain_intent", "extra"], ["intent"]))

    return change


def node(kind: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), [output], **attributes)


def summed(name: str) -> onnx.NodeProto:
    return helper.make_node("ReduceSum", [name], ["extra"], keepdims=0)


def external(path: str) -> Change:
    def change(graph: onnx.ModelProto) -> None:
        tensor = table(graph)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", path), ("length", str(int(np.prod(tensor.dims)) * 4))):
            tensor.external_data.add(key=key, value=value)

    return change


@pytest.mark.parametrize("place", ["secret.bin", "../secret.bin", "absolute"])
def test_weights_in_another_file_are_refused_and_the_file_is_not_read(
    attack: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "deeper").mkdir()
    monkeypatch.chdir(tmp_path / "deeper" if place.startswith("..") else tmp_path)
    (tmp_path / "secret.bin").write_bytes(np.ones(1 << 20, np.float32).tobytes())
    with pytest.raises(ModelError, match="not a network that `cnlu train` writes: an initializer is in another file"):
        cnlu.load(attack(external(str(tmp_path / "secret.bin") if place == "absolute" else place)))


def test_a_location_that_overflows_32_bits_is_refused(attack: Callable[..., Path]) -> None:
    """2^32 + 1 is 1, another file, to whoever keeps an enumeration in 32 bits."""
    strange = helper.make_tensor("strange", TensorProto.FLOAT, [1], [0.0]).SerializeToString()
    strange += bytes([14 << 3, 0x81, 0x80, 0x80, 0x80, 0x10])

    def with_strange(content: bytes) -> bytes:
        graph = bytes([5 << 3 | 2, len(strange)]) + strange
        whole = onnx.load_from_string(content)
        whole.graph.ClearField("doc_string")
        inner = whole.graph.SerializeToString() + graph
        whole.ClearField("graph")
        return whole.SerializeToString() + bytes([7 << 3 | 2]) + varint(len(inner)) + inner

    with pytest.raises(ModelError, match="more than 31 bits"):
        cnlu.load(attack(raw=with_strange))


def varint(number: int) -> bytes:
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def test_a_second_graph_that_a_reader_would_merge_is_refused(attack: Callable[..., Path]) -> None:
    more = onnx.ModelProto()
    more.graph.initializer.append(numpy_helper.from_array(np.zeros(3, np.float32), "more"))
    with pytest.raises(ModelError, match="graph occurs twice"):
        cnlu.load(attack(raw=lambda content: content + more.SerializeToString()))


def endless(graph: onnx.ModelProto) -> None:
    inner = helper.make_graph(
        [node("Identity", "on", "on_out"), node("Identity", "state", "state_out")],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("on_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state_out", TensorProto.FLOAT, []),
        ],
    )
    added(
        helper.make_node("Loop", ["", "true", "zero"], ["extra"], body=inner), true=np.array(True), zero=np.float32(0)
    )(graph)


def with_function(graph: onnx.ModelProto) -> None:
    graph.functions.append(
        helper.make_function("mine", "Twice", ["x"], ["y"], [node("Add", "x x", "y")], [helper.make_opsetid("", 20)])
    )
    graph.opset_import.append(helper.make_opsetid("mine", 1))


SHAPE = np.array([1 << 20, 1 << 10], np.int64)
COLUMN, ROW = np.ones((1 << 16, 1), np.float32), np.ones((1, 1 << 16), np.float32)
ATTACKS: dict[str, tuple[Change, str]] = {
    "a loop": (endless, "contains a graph of its own"),
    "a function": (with_function, "has functions of its own"),
    "an operator of its own": (
        added(helper.make_node("Inverse", ["characters"], ["extra"], domain="com.microsoft")),
        "operators that no training writes .com.microsoft:Inverse",
    ),
    "a result that depends on weights": (
        added(node("NonZero", "sentence", "found"), summed("found")),
        "operators that no training writes .NonZero",
    ),
    "four gigabytes of zeros": (
        added(node("ConstantOfShape", "shape", "zeros"), summed("zeros"), shape=SHAPE),
        "MB for 1 character",
    ),
    "four gigabytes, expanded": (
        added(node("Expand", "one shape", "ones"), summed("ones"), one=np.float32(1), shape=SHAPE),
        "needs 4,096 MB",
    ),
    "four gigabytes, repeated": (
        added(node("Tile", "one shape", "ones"), summed("ones"), one=np.ones((1, 1), np.float32), shape=SHAPE),
        "MB",
    ),
    "a range of billions": (
        added(
            node("Range", "zero end one", "all"),
            node("Cast", "all", "floats", to=1),
            summed("floats"),
            zero=np.int64(0),
            one=np.int64(1),
            end=np.int64(1 << 40),
        ),
        "MB for 1 character",
    ),
    "an outer product of two constants": (
        added(node("Mul", "column row", "all"), summed("all"), column=COLUMN, row=ROW),
        "needs 16,384 MB",
    ),
    "a product of matrices without end": (
        added(
            node("Mul", "column row", "p0"),
            *(node("MatMul", f"p{i} p{i}", f"p{i + 1}") for i in range(8)),
            summed("p8"),
            column=COLUMN[:2000],
            row=ROW[:, :2000],
        ),
        "multiplications for 1 character",
    ),
    "growth with the fourth power of a text": (
        added(
            *(node("Unsqueeze", f"mask axes{i}", f"m{i}") for i in range(4)),
            *(node("Mul", f"{'m0' if i == 1 else f'p{i - 1}'} m{i}", f"p{i}") for i in range(1, 4)),
            summed("p3"),
            **{f"axes{i}": np.array([k for k in range(1, 5) if k != i + 1], np.int64) for i in range(4)},
        ),
        "MB for 256 characters",
    ),
    "a shape that the text decides": (
        added(
            node("ReduceMax", "sentence", "most", keepdims=1),
            node("Squeeze", "most", "number"),
            node("Range", "zero number one", "all"),
            node("Cast", "all", "floats", to=1),
            summed("floats"),
            zero=np.int64(0),
            one=np.int64(1),
        ),
        "depends on an unknown value",
    ),
    "a constant that is larger than the file": (
        lambda graph: table(graph).dims.__setitem__(0, 1 << 40),
        "but its shape has",
    ),
    "a constant whose size overflows": (
        lambda graph: table(graph).dims.extend([1 << 33, 1 << 33]),
        "but its shape has",
    ),
    "another input": (
        lambda graph: graph.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1])),
        "its inputs are",
    ),
    "outputs in another order": (
        lambda graph: graph.graph.output.reverse(),
        "its outputs are groups, roles, intent, emissions instead of",
    ),
    "a constant in an input's place": (
        lambda graph: graph.graph.initializer.append(numpy_helper.from_array(np.ones((1, 1), np.float32), "mask")),
        "the name of an initializer occurs twice",
    ),
    "scores of more labels than there are": (
        added(node("Expand", "one shape", "extra"), one=np.float32(0), shape=np.array([1, 1, 1, 1], np.int64)),
        "its output intent does not fit",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_graph_that_training_would_not_write_is_refused_at_load(attack: Callable[..., Path], name: str) -> None:
    change, said = ATTACKS[name]
    with pytest.raises(ModelError, match=f"this is not a network that `cnlu train` writes: .*{said}"):
        cnlu.load(attack(change))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("training.json", {"temperature": float("nan")}),
        ("training.json", {"temperature": 0}),
        ("training.json", {"temperature": "1"}),
        ("labels.json", {"intents": [1, 2]}),
        ("labels.json", {"entities": "abc"}),
    ],
)
def test_numbers_and_names_that_answers_are_made_of_are_checked(
    attack: Callable[..., Path], tiny_model: Path, name: str, change: dict[str, Any]
) -> None:
    content = json.loads(read_model_dir(tiny_model).files[name]) | change
    with pytest.raises(ModelError, match="do not fit together"):
        cnlu.load(attack(**{name.replace(".", "__"): json.dumps(content).encode()}))


def test_an_array_with_a_huge_declared_shape_is_refused_before_allocation(attack: Callable[..., Path]) -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 64), }"
    bomb = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + header.ljust(117) + b"\n"
    with pytest.raises(ModelError, match="do not fit together"):
        cnlu.load(attack(tagger__npy=bomb))


def test_a_network_that_fails_on_a_text_is_a_model_error(
    attack: Callable[..., Path], tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """More features than its table has rows: nothing that can be seen before a text has them."""
    words = read_model_dir(tiny_model).files["character_features.tsv"].decode().splitlines()
    known = next(k for k, line in enumerate(words) if line.endswith("\tc[0]=去"))
    words += [f"1\tnothing{k}" for k in range(3)]
    words[known], words[-1] = words[-1], words[known]
    bad = attack(character_features__tsv=("\n".join(words) + "\n").encode())
    assert main(["parse", str(bad), "去"]) == 1
    output = capsys.readouterr()
    assert output.err.startswith("cnlu: model.onnx: the network fails on a text of 1 character ") and output.out == ""


@given(st.binary(max_size=200))
def test_any_bytes_are_a_graph_or_refused(content: bytes) -> None:
    try:
        read_graph(content)
    except BadMessage as error:
        assert str(error)


@given(st.data())
def test_a_graph_with_a_changed_byte_is_read_or_refused(tiny_model: Path, data: st.DataObject) -> None:
    content = bytearray((tiny_model / "model.onnx").read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    expected = NetworkSpec(outputs={"emissions": ("BL", 5)}, max_length=64, elements_per_character=1000)
    with pytest.raises(ValueError):
        check_graph(bytes(content), expected)


def test_inferred_shapes_equal_those_of_onnx_runtime(tiny_model: Path, tiny: cnlu.Interpreter) -> None:
    shapes = {"characters": (3, 7, 5), "sentence": (3, 9), "mask": (3, 7)}
    kinds = {"characters": np.int64, "sentence": np.int64, "mask": np.float32}
    outputs = tiny.session.run(None, {name: np.ones(shape, kinds[name]) for name, shape in shapes.items()})
    found, cost = infer_shapes(read_graph((tiny_model / "model.onnx").read_bytes()), shapes)
    assert list(found.values()) == [output.shape for output in outputs]
    assert 0 < cost.memory < 1 << 20 and cost.work > cost.memory
