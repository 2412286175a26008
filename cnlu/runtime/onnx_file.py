"""A model.onnx as nodes and constants, read without onnx or ONNX Runtime; what no training writes is refused.

Known are exactly the fields that the export fills. So there are no weights in other files (`external_data`), no
functions, no graphs within nodes (loops, branches), no sparse or string tensors. Field numbers are those of
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnlu.runtime.protobuf import (
    FOUR,
    LENGTH,
    VARINT,
    BadMessage,
    Bytes,
    Field,
    counted,
    packed,
    read_message,
    small,
    tag,
    text,
    whole,
)

FLOAT, INT64 = 1, 7
ELEMENTS: Mapping[int, tuple[str, str]] = {
    FLOAT: ("<f4", "float_data"),
    2: ("<u1", "int32_data"),
    3: ("<i1", "int32_data"),
    6: ("<i4", "int32_data"),
    INT64: ("<i8", "int64_data"),
    9: ("<u1", "int32_data"),
}
"""Types of a constant's elements: as NumPy writes them, and the field for those that are not in raw_data."""
SMALL = 64
"""Whole numbers of a constant that are kept: what is a shape, an axis or a bound has no more."""
_MOST_NODES = 20_000
_MOST_RANK = 8


@dataclass(frozen=True)
class Initializer:
    """An initializer: its bytes are in the file, and as many as its shape says."""

    name: str
    shape: tuple[int, ...]
    content: NDArray[np.int64] | None
    """Of at most SMALL whole numbers."""


@dataclass(frozen=True)
class Node:
    """One operator at work."""

    operator: str
    """With its domain before it where that is not ONNX's own: `com.microsoft:Gelu`."""
    inputs: list[str]
    """Names of values; empty for one left out."""
    outputs: list[str]
    attributes: dict[str, Any]
    """Numbers, lists of them, or bytes."""


@dataclass(frozen=True)
class Port:
    """An input or output of the graph."""

    name: str
    element: int
    rank: int


@dataclass(frozen=True)
class OnnxGraph:
    """The network of a model.onnx."""

    nodes: list[Node]
    initializers: list[Initializer]
    inputs: list[Port]
    outputs: list[Port]


def read_graph(content: bytes) -> OnnxGraph:
    """Raises BadMessage for a file that is damaged or holds what no training writes."""
    model = read_message(memoryview(content), _MODEL)
    if "graph" not in model:
        raise BadMessage("it has no graph")
    graph = model["graph"]
    return OnnxGraph(*(graph.get(name, []) for name in ("node", "initializer", "input", "output")))


def _opaque(data: Bytes) -> Bytes:
    return data


def _never(why: str) -> Any:
    """A reader of a field that is known and refused."""

    def refuse(data: Bytes) -> None:
        raise BadMessage(why)

    return refuse


def _fields(**fields: tuple[int, int, Any] | tuple[int, int, Any, int]) -> dict[int, Field]:
    """Fields by tag, from name=(number, wire type, reader, how often)."""
    return {tag(number, wire): Field(name, *rest) for name, (number, wire, *rest) in fields.items()}


_ENTRY = _fields(key=(1, LENGTH, text), value=(2, LENGTH, _opaque))
_DIMENSION = _fields(value=(1, VARINT, whole), parameter=(2, LENGTH, text))
_SHAPE = _fields(dim=(1, LENGTH, lambda data: read_message(data, _DIMENSION), _MOST_RANK))
_TENSOR_TYPE = _fields(element=(1, VARINT, small), shape=(2, LENGTH, lambda data: read_message(data, _SHAPE)))
_TYPE = _fields(tensor=(1, LENGTH, lambda data: read_message(data, _TENSOR_TYPE)))
_PORT = _fields(
    name=(1, LENGTH, text),
    type=(2, LENGTH, lambda data: read_message(data, _TYPE)),
    metadata=(4, LENGTH, lambda data: read_message(data, _ENTRY), 64),
)
_TENSOR = {
    **_fields(
        dims=(1, VARINT, whole, _MOST_RANK),
        data_type=(2, VARINT, small),
        float_data=(4, LENGTH, _opaque),
        int32_data=(5, LENGTH, _opaque),
        int64_data=(7, LENGTH, _opaque),
        name=(8, LENGTH, text),
        raw_data=(9, LENGTH, _opaque),
        external_data=(13, LENGTH, _never("a constant lies in another file")),
        data_location=(14, VARINT, small),
    ),
    tag(1, LENGTH): Field("packed_dims", packed),
}
_ATTRIBUTE = _fields(
    name=(1, LENGTH, text),
    f=(2, FOUR, lambda data: float(np.frombuffer(data, "<f4")[0])),
    i=(3, VARINT, whole),
    s=(4, LENGTH, bytes),
    graph=(6, LENGTH, _never("an operator holds a graph of its own, a loop or a branch")),
    ints=(8, VARINT, whole, SMALL),
    type=(20, VARINT, small),
)
_ATTRIBUTE[tag(8, LENGTH)] = Field("ints", packed)
_TYPES = {1: "f", 2: "i", 3: "s", 7: "ints"}
"""An attribute's type -> the field that holds its value."""
_NODE = _fields(
    input=(1, LENGTH, text, 256),
    output=(2, LENGTH, text, 64),
    name=(3, LENGTH, text),
    operator=(4, LENGTH, text),
    attribute=(5, LENGTH, lambda data: _attribute(read_message(data, _ATTRIBUTE)), 16),
    doc_string=(6, LENGTH, _opaque),
    domain=(7, LENGTH, text),
    metadata=(9, LENGTH, _opaque, 64),
)
_GRAPH = _fields(
    node=(1, LENGTH, lambda data: _node(read_message(data, _NODE)), _MOST_NODES),
    name=(2, LENGTH, text),
    initializer=(5, LENGTH, lambda data: _constant(read_message(data, _TENSOR)), _MOST_NODES),
    doc_string=(10, LENGTH, _opaque),
    input=(11, LENGTH, lambda data: _port(read_message(data, _PORT)), 16),
    output=(12, LENGTH, lambda data: _port(read_message(data, _PORT)), 16),
    value_info=(13, LENGTH, _opaque, 2 * _MOST_NODES),
    metadata=(16, LENGTH, lambda data: read_message(data, _ENTRY), 64),
)
_OPERATORS = _fields(domain=(1, LENGTH, text), version=(2, VARINT, small))
_MODEL = _fields(
    ir_version=(1, VARINT, small),
    producer=(2, LENGTH, _opaque),
    producer_version=(3, LENGTH, _opaque),
    domain=(4, LENGTH, text),
    version=(5, VARINT, small),
    doc_string=(6, LENGTH, _opaque),
    graph=(7, LENGTH, lambda data: read_message(data, _GRAPH)),
    operators=(8, LENGTH, lambda data: read_message(data, _OPERATORS), 4),
    metadata=(14, LENGTH, lambda data: read_message(data, _ENTRY), 64),
    functions=(25, LENGTH, _never("it has functions of its own")),
)


def _node(found: dict[str, Any]) -> Node:
    domain, operator = found.get("domain", ""), found.get("operator", "")
    attributes = dict(found.get("attribute", []))
    if len(attributes) < len(found.get("attribute", [])):
        raise BadMessage(f"an attribute of {operator} comes twice")
    name = f"{domain}:{operator}" if domain else operator
    return Node(name, found.get("input", []), found.get("output", []), attributes)


def _attribute(found: dict[str, Any]) -> tuple[str, Any]:
    kind = _TYPES.get(found.get("type", 0))
    if kind is None or set(found) - {"name", "type", kind}:
        raise BadMessage(f"the attribute {found.get('name')} is of a type that no training writes")
    return found.get("name", ""), found.get(kind, {"f": 0.0, "i": 0, "s": b"", "ints": []}[kind])


def _port(found: dict[str, Any]) -> Port:
    tensor = found.get("type", {}).get("tensor", {})
    return Port(found.get("name", ""), tensor.get("element", 0), len(tensor.get("shape", {}).get("dim", [])))


def _constant(found: dict[str, Any]) -> Initializer:
    """Checks that the bytes are there: as many as the shape asks for, and in this file."""
    name, shape = found.get("name", ""), (*found.get("dims", []), *found.get("packed_dims", []))
    if found.get("data_location", 0):
        raise BadMessage(f"the constant {name} lies in another file")
    kind = ELEMENTS.get(found.get("data_type", 0))
    if kind is None or len(shape) > _MOST_RANK or any(size < 0 for size in shape):
        raise BadMessage(f"the constant {name} is of a type or shape that no training writes")
    element, field = np.dtype(kind[0]), kind[1]
    if set(found) & {"float_data", "int32_data", "int64_data"} - {field} or ("raw_data" in found and field in found):
        raise BadMessage(f"the constant {name} is given twice")
    if field in found:
        size = len(found[field]) / 4 if field == "float_data" else counted(found[field])
    else:
        size = len(found.get("raw_data", b"")) / element.itemsize
    if size != math.prod(shape):
        raise BadMessage(f"the constant {name} has {size:g} elements, and its shape asks for {math.prod(shape)}")
    content = None
    if element.kind in "iu" and size <= SMALL:
        values = packed(found[field]) if field in found else np.frombuffer(found.get("raw_data", b""), element)
        content = np.array(values, np.int64).reshape(shape)
    return Initializer(name, shape, content)
