"""Whether a model.onnx is a network as training writes it: its inputs, outputs, operators, sizes, and what it may cost.

Asked before ONNX Runtime sees the bytes, so the answer does not depend on its version. The network is followed through
in shapes alone, for short and long texts: memory and multiplications are counted, nothing is computed. No operator's
cost depends on the weights or on what a text says, so what is allowed here is what a text can cost.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cnlu.runtime.onnx_file import FLOAT, INT64, OnnxGraph, Port, read_graph
from cnlu.runtime.operators import RULES, BadShape, Known, Shape
from cnlu.runtime.protobuf import BadMessage

INPUTS: Mapping[str, tuple[int, str]] = {
    "characters": (INT64, "BLF"),
    "sentence": (INT64, "BS"),
    "mask": (FLOAT, "BL"),
}
"""Of every network: name -> type of its elements and axes: texts, characters, features of each, of the sentence."""
ENCODER_INPUTS: Mapping[str, tuple[int, str]] = {
    "tokens": (INT64, "BT"),
    "token_mask": (FLOAT, "BT"),
    "alignment": (FLOAT, "BLT"),
}
"""Of a network with an encoder, beside the others; T: tokens."""

_TRIED = ((1, 1), (2, 128), (2, 1024))
"""Texts and their characters, as far as the model reads so many at once: each axis as small as it gets, then larger."""
FEATURES = 16
"""Of a character, in what is tried; most have fewer."""


class BadGraph(ValueError):
    """A graph that training would not write; says why in a part of a sentence."""


@dataclass(frozen=True)
class Expected:
    """What the other files of a model say of its network."""

    outputs: Mapping[str, tuple[str, int]]
    """Name, in order -> its first axes, as letters of INPUTS, and the size of the last one."""
    length: int
    """Most characters that are read at once."""
    width: int
    """Elements that its settings let it need for a character at once, its encoder left out."""
    tokens: int = 0
    """Most tokens; 0 without an encoder."""

    @property
    def inputs(self) -> Mapping[str, tuple[int, str]]:
        return {**INPUTS, **(ENCODER_INPUTS if self.tokens else {})}


def check_graph(content: bytes, expected: Expected) -> None:
    """Raises BadGraph for a file that is not the network expected, or that costs out of proportion to its size."""
    try:
        graph = read_graph(content)
    except BadMessage as error:
        raise BadGraph(str(error)) from error
    _check_ports("inputs", graph.inputs, {name: (kind, len(axes)) for name, (kind, axes) in expected.inputs.items()})
    _check_ports("outputs", graph.outputs, {n: (FLOAT, len(axes) + 1) for n, (axes, _) in expected.outputs.items()})
    if strange := _strange(graph):
        raise BadGraph(f"it has operators that no training writes ({', '.join(strange)[:80]})")
    for texts, length in _TRIED:
        _try(graph, expected, texts, min(length, expected.length), len(content))


def strange_operators(content: bytes) -> list[str]:
    """Names of operators that `check_graph` would refuse."""
    return _strange(read_graph(content))


def _strange(graph: OnnxGraph) -> list[str]:
    return sorted({node.operator for node in graph.nodes} - RULES.keys())


def _check_ports(what: str, ports: Sequence[Port], asked: Mapping[str, tuple[int, int]]) -> None:
    given = {port.name: (port.element, port.rank) for port in ports}
    if list(given) != list(asked) or len(given) != len(ports):
        raise BadGraph(f"its {what} are {', '.join(given)[:80]} instead of {', '.join(asked)}")
    for name, port in given.items():
        if port != asked[name]:
            raise BadGraph(f"its {what} {name} is of another type or has another number of axes")


def _try(graph: OnnxGraph, expected: Expected, texts: int, length: int, size: int) -> None:
    """Texts of `length` characters: shapes of the results, and the cost."""
    features = FEATURES if length > 1 else 1
    axes = {"B": texts, "L": length, "F": features, "S": features * length, "T": min(expected.tokens, length + 8)}
    given = {name: tuple(axes[axis] for axis in letters) for name, (_, letters) in expected.inputs.items()}
    found, cost = follow(graph, given)
    for name, (letters, last) in expected.outputs.items():
        if found[name] != (*(axes[axis] for axis in letters), last):
            raise BadGraph(f"its output {name} does not fit the labels")
    memory = texts * _most_memory(expected, length, size)
    if cost.memory > memory:
        raise BadGraph(f"it takes {cost.memory * 4 >> 20:,} MB for {texts * length} characters")
    if cost.work > texts * (4 << 30) + 8 * size * texts * length + 2048 * memory:
        raise BadGraph(f"it takes {cost.work:.0e} multiplications for {texts * length} characters")


def _most_memory(expected: Expected, length: int, size: int) -> int:
    """Elements that may be there at once, beside the weights, for a text of `length` and a file of `size` bytes.

    Sixty-four megabytes in any case; attention, with up to 256 heads and terms of relative positions; what the settings
    ask for each character; and an encoder's vectors, each no longer than a thousandth of its weights.
    """
    return (16 << 20) + 256 * length * length + length * (expected.width + size // 1000)


@dataclass
class Cost:
    """What a graph takes for one batch."""

    memory: int = 0
    """Most elements that are there at once, constants left out"""
    work: int = 0
    """Multiplications, and elements written"""


def follow(graph: OnnxGraph, given: Mapping[str, Shape]) -> tuple[dict[str, Shape], Cost]:
    """The shapes of all outputs for inputs of these shapes, and the cost.

    Raises BadGraph where a node cannot be applied, uses what comes later, or gives a name a second time.
    """
    known = {constant.name: Known(constant.shape, constant.content) for constant in graph.initializers}
    if len(known) < len(graph.initializers) or known.keys() & given.keys():
        raise BadGraph("a constant's name comes twice")
    initializers = frozenset(known)
    known |= {name: Known(shape) for name, shape in given.items()}
    uses = Counter(name for node in graph.nodes for name in set(node.inputs))
    uses.update(port.name for port in graph.outputs)
    cost, held = Cost(), sum(math.prod(shape) for shape in given.values())
    for node in graph.nodes:
        try:
            results = RULES[node.operator](node, [known[name] for name in node.inputs if name])
        except (BadShape, KeyError, IndexError, ValueError, TypeError) as error:
            raise BadGraph(f"its {node.operator} cannot be applied ({str(error)[:80]})") from error
        results = results if isinstance(results, list) else [results]
        if len(results) != len(node.outputs) or not known.keys().isdisjoint(node.outputs):
            raise BadGraph(f"the results of its {node.operator} have no names of their own")
        written = sum(math.prod(result.shape) for result in results)
        held += written
        cost.memory = max(cost.memory, held)
        cost.work += written + sum(result.work for result in results)
        known.update(zip(node.outputs, results, strict=True))
        for name in {*node.inputs, *node.outputs}:
            uses[name] -= name in node.inputs
            if name and uses[name] <= 0 and name not in initializers:
                held -= math.prod(known[name].shape)
    missing = [port.name for port in graph.outputs if port.name not in known]
    if missing:
        raise BadGraph(f"nothing gives its output {missing[0]}")
    return {port.name: known[port.name].shape for port in graph.outputs}, cost
