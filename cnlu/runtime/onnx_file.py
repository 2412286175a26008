"""Reads a model.onnx as nodes and initializers, without onnx or ONNX Runtime, and refuses what no training writes.

The reader knows exactly the fields that the export fills. So a graph has no weights in other files (`external_data`),
no functions, no graphs within nodes (loops, branches) and no sparse or string tensors. Field numbers come from
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnlu.i18n import _
from cnlu.runtime.protobuf import (
    I32,
    LEN,
    VARINT,
    BadMessage,
    Bytes,
    Field,
    count_varints,
    int64,
    packed_int64,
    read_message,
    tag,
    uint31,
    utf8,
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
"""Element types of an initializer -> the NumPy type, and the field that holds the elements if raw_data does not."""
SMALL = 64
"""Maximum number of integers of an initializer whose content is read: a shape, an axis or a bound has no more."""
_MAX_NODES = 20_000
_MAX_RANK = 8


@dataclass(frozen=True)
class Initializer:
    """An initializer whose bytes are in the file and match its shape."""

    name: str
    shape: tuple[int, ...]
    content: NDArray[np.int64] | None
    """Its elements, if they are at most SMALL integers"""


@dataclass(frozen=True)
class Node:
    """One application of an operator."""

    operator: str
    """Prefixed with its domain unless that is ONNX's own: `com.microsoft:Gelu`"""
    inputs: list[str]
    """Names of values; an empty name is an omitted input"""
    outputs: list[str]
    attributes: dict[str, Any]
    """Numbers, lists of numbers, or bytes"""


@dataclass(frozen=True)
class ValueInfo:
    """An input or output of the graph."""

    name: str
    element: int
    rank: int


@dataclass(frozen=True)
class OnnxGraph:
    """The network of a model.onnx."""

    nodes: list[Node]
    initializers: list[Initializer]
    inputs: list[ValueInfo]
    outputs: list[ValueInfo]


def read_graph(content: bytes) -> OnnxGraph:
    """Reads the graph. Raises BadMessage for a file that is damaged or that no training writes."""
    model = read_message(memoryview(content), _MODEL)
    if "graph" not in model:
        raise BadMessage(_("it has no graph"))
    graph = model["graph"]
    return OnnxGraph(*(graph.get(name, []) for name in ("node", "initializer", "input", "output")))


def _opaque(data: Bytes) -> Bytes:
    return data


def _refuse(reason: Callable[[], str]) -> Any:
    """A reader of a field that is known but not allowed. `reason` gives the message in the language of the user."""

    def refuse(data: Bytes) -> None:
        raise BadMessage(reason())

    return refuse


def _fields(**fields: tuple[int, int, Any] | tuple[int, int, Any, int]) -> dict[int, Field]:
    """Fields by tag, from name=(number, wire type, reader, most occurrences)."""
    return {tag(number, wire): Field(name, *rest) for name, (number, wire, *rest) in fields.items()}


_ENTRY = _fields(key=(1, LEN, utf8), value=(2, LEN, _opaque))
_DIMENSION = _fields(value=(1, VARINT, int64), parameter=(2, LEN, utf8))
_SHAPE = _fields(dim=(1, LEN, lambda data: read_message(data, _DIMENSION), _MAX_RANK))
_TENSOR_TYPE = _fields(element=(1, VARINT, uint31), shape=(2, LEN, lambda data: read_message(data, _SHAPE)))
_TYPE = _fields(tensor=(1, LEN, lambda data: read_message(data, _TENSOR_TYPE)))
_VALUE_INFO = _fields(
    name=(1, LEN, utf8),
    type=(2, LEN, lambda data: read_message(data, _TYPE)),
    metadata=(4, LEN, lambda data: read_message(data, _ENTRY), 64),
)
_TENSOR = {
    **_fields(
        dims=(1, VARINT, int64, _MAX_RANK),
        data_type=(2, VARINT, uint31),
        float_data=(4, LEN, _opaque),
        int32_data=(5, LEN, _opaque),
        int64_data=(7, LEN, _opaque),
        name=(8, LEN, utf8),
        raw_data=(9, LEN, _opaque),
        external_data=(13, LEN, _refuse(lambda: _("an initializer is in another file"))),
        data_location=(14, VARINT, uint31),
    ),
    tag(1, LEN): Field("packed_dims", packed_int64),
}
_ATTRIBUTE = _fields(
    name=(1, LEN, utf8),
    f=(2, I32, lambda data: float(np.frombuffer(data, "<f4")[0])),
    i=(3, VARINT, int64),
    s=(4, LEN, bytes),
    graph=(6, LEN, _refuse(lambda: _("an operator contains a graph of its own, a loop or a branch"))),
    ints=(8, VARINT, int64, SMALL),
    type=(20, VARINT, uint31),
)
_ATTRIBUTE[tag(8, LEN)] = Field("ints", packed_int64)
_TYPES = {1: "f", 2: "i", 3: "s", 7: "ints"}
"""Type of an attribute -> the field with its value."""
_NODE = _fields(
    input=(1, LEN, utf8, 256),
    output=(2, LEN, utf8, 64),
    name=(3, LEN, utf8),
    operator=(4, LEN, utf8),
    attribute=(5, LEN, lambda data: _attribute(read_message(data, _ATTRIBUTE)), 16),
    doc_string=(6, LEN, _opaque),
    domain=(7, LEN, utf8),
    metadata=(9, LEN, _opaque, 64),
)
_GRAPH = _fields(
    node=(1, LEN, lambda data: _node(read_message(data, _NODE)), _MAX_NODES),
    name=(2, LEN, utf8),
    initializer=(5, LEN, lambda data: _initializer(read_message(data, _TENSOR)), _MAX_NODES),
    doc_string=(10, LEN, _opaque),
    input=(11, LEN, lambda data: _value_info(read_message(data, _VALUE_INFO)), 16),
    output=(12, LEN, lambda data: _value_info(read_message(data, _VALUE_INFO)), 16),
    value_info=(13, LEN, _opaque, 2 * _MAX_NODES),
    metadata=(16, LEN, lambda data: read_message(data, _ENTRY), 64),
)
_OPERATORS = _fields(domain=(1, LEN, utf8), version=(2, VARINT, uint31))
_MODEL = _fields(
    ir_version=(1, VARINT, uint31),
    producer=(2, LEN, _opaque),
    producer_version=(3, LEN, _opaque),
    domain=(4, LEN, utf8),
    version=(5, VARINT, uint31),
    doc_string=(6, LEN, _opaque),
    graph=(7, LEN, lambda data: read_message(data, _GRAPH)),
    operators=(8, LEN, lambda data: read_message(data, _OPERATORS), 4),
    metadata=(14, LEN, lambda data: read_message(data, _ENTRY), 64),
    functions=(25, LEN, _refuse(lambda: _("it has functions of its own"))),
)


def _node(fields: dict[str, Any]) -> Node:
    domain, operator = fields.get("domain", ""), fields.get("operator", "")
    attributes = dict(fields.get("attribute", []))
    if len(attributes) < len(fields.get("attribute", [])):
        raise BadMessage(_("an attribute of {operator} occurs twice", operator=operator))
    name = f"{domain}:{operator}" if domain else operator
    return Node(name, fields.get("input", []), fields.get("output", []), attributes)


def _attribute(fields: dict[str, Any]) -> tuple[str, Any]:
    kind = _TYPES.get(fields.get("type", 0))
    if kind is None or set(fields) - {"name", "type", kind}:
        raise BadMessage(_("the attribute {name} has a type that no training writes", name=fields.get("name")))
    return fields.get("name", ""), fields.get(kind, {"f": 0.0, "i": 0, "s": b"", "ints": []}[kind])


def _value_info(fields: dict[str, Any]) -> ValueInfo:
    tensor = fields.get("type", {}).get("tensor", {})
    return ValueInfo(fields.get("name", ""), tensor.get("element", 0), len(tensor.get("shape", {}).get("dim", [])))


def _initializer(fields: dict[str, Any]) -> Initializer:
    """Checks that the bytes are in this file and match the shape."""
    name, shape = fields.get("name", ""), (*fields.get("dims", []), *fields.get("packed_dims", []))
    if fields.get("data_location", 0):
        raise BadMessage(_("the initializer {name} is in another file", name=name))
    kind = ELEMENTS.get(fields.get("data_type", 0))
    if kind is None or len(shape) > _MAX_RANK or any(size < 0 for size in shape):
        raise BadMessage(_("the initializer {name} has a type or shape that no training writes", name=name))
    element, field = np.dtype(kind[0]), kind[1]
    if set(fields) & {"float_data", "int32_data", "int64_data"} - {field} or ("raw_data" in fields and field in fields):
        raise BadMessage(_("the initializer {name} has its elements twice", name=name))
    if field in fields:
        size = len(fields[field]) / 4 if field == "float_data" else count_varints(fields[field])
    else:
        size = len(fields.get("raw_data", b"")) / element.itemsize
    if size != math.prod(shape):
        problem = _(
            "the initializer {name} has {size:g} elements, but its shape has {expected}",
            name=name,
            size=size,
            expected=math.prod(shape),
        )
        raise BadMessage(problem)
    content = None
    if element.kind in "iu" and size <= SMALL:
        values = packed_int64(fields[field]) if field in fields else np.frombuffer(fields.get("raw_data", b""), element)
        content = np.array(values, np.int64).reshape(shape)
    return Initializer(name, shape, content)
