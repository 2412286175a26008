"""Checks that a model.onnx is a network that training writes: its inputs, outputs, operators, shapes and cost.

The check runs before ONNX Runtime sees the bytes, so its result does not depend on a version of ONNX Runtime. It infers
the shapes for short and long texts and counts memory and multiplications, without computing anything. No operator's
cost depends on the weights or on the content of a text, so the counts bound what a text can cost.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cnlu.i18n import _, n_
from cnlu.runtime.onnx_file import FLOAT, INT64, Node, OnnxGraph, ValueInfo, read_graph
from cnlu.runtime.operators import SHAPE_RULES
from cnlu.runtime.protobuf import BadMessage
from cnlu.runtime.shape_inference import BadShape, InferredValue, Shape

INPUTS: Mapping[str, tuple[int, str]] = {
    "characters": (INT64, "BLF"),
    "sentence": (INT64, "BS"),
    "mask": (FLOAT, "BL"),
}
"""Inputs of every network: name -> (element type, axes). B: texts, L: characters, F: features of a character,
S: features of a sentence."""
ENCODER_INPUTS: Mapping[str, tuple[int, str]] = {
    "tokens": (INT64, "BT"),
    "token_mask": (FLOAT, "BT"),
    "alignment": (FLOAT, "BLT"),
}
"""Further inputs of a network with an encoder. T: tokens."""

_BATCHES = ((1, 1), (2, 128), (2, 1024))
"""(texts, characters) of the batches that the check infers shapes for; characters are capped at the model's maximum."""
MAX_FEATURES = 16
"""Features of a character in these batches; most characters have fewer."""


class BadGraph(ValueError):
    """A graph that training would not write. The text says why, as a clause without a full stop."""


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """The properties that the other files of a model require of its network."""

    outputs: Mapping[str, tuple[str, int]]
    """Name, in order -> (the letters of its axes but the last, as in INPUTS; the size of the last axis)"""
    max_length: int
    """Maximum number of characters of a text"""
    elements_per_character: int
    """Limit of the elements held at once for a character, by the settings of the network, without an encoder"""
    max_tokens: int = 0
    """Maximum number of tokens of a text; 0 without an encoder"""

    @property
    def inputs(self) -> Mapping[str, tuple[int, str]]:
        return {**INPUTS, **(ENCODER_INPUTS if self.max_tokens else {})}


def check_graph(content: bytes, expected: NetworkSpec) -> None:
    """Raises BadGraph for a file that is not the expected network, or whose cost is out of proportion to its size."""
    try:
        graph = read_graph(content)
    except BadMessage as error:
        raise BadGraph(str(error)) from error
    _check_values(
        graph.inputs,
        {name: (kind, len(axes)) for name, (kind, axes) in expected.inputs.items()},
        lambda actual, names: _("its inputs are {found} instead of {expected}", found=actual, expected=names),
    )
    _check_values(
        graph.outputs,
        {name: (FLOAT, len(axes) + 1) for name, (axes, _size) in expected.outputs.items()},
        lambda actual, names: _("its outputs are {found} instead of {expected}", found=actual, expected=names),
    )
    if unsupported := _unsupported(graph):
        names = ", ".join(unsupported)[:80]
        raise BadGraph(_("it has operators that no training writes ({names})", names=names))
    for texts, length in _BATCHES:
        _check_batch(graph, expected, texts, min(length, expected.max_length), len(content))


def unsupported_operators(content: bytes) -> list[str]:
    """The names of the operators that `check_graph` refuses."""
    return _unsupported(read_graph(content))


def _unsupported(graph: OnnxGraph) -> list[str]:
    return sorted({node.operator for node in graph.nodes} - SHAPE_RULES.keys())


def _check_values(
    values: Sequence[ValueInfo], expected: Mapping[str, tuple[int, int]], other_names: Callable[[str, str], str]
) -> None:
    """Compares inputs or outputs with name -> (element type, rank). `other_names`: the message for other names."""
    actual = {value.name: (value.element, value.rank) for value in values}
    if list(actual) != list(expected) or len(actual) != len(values):
        raise BadGraph(other_names(", ".join(actual)[:80], ", ".join(expected)))
    for name, value in actual.items():
        if value != expected[name]:
            raise BadGraph(_("its input or output {name} has another type or number of axes", name=name))


def _check_batch(graph: OnnxGraph, expected: NetworkSpec, texts: int, length: int, size: int) -> None:
    """Checks the output shapes and the cost for `texts` of `length` characters; `size` is that of the file in bytes."""
    features = MAX_FEATURES if length > 1 else 1
    axes = {"B": texts, "L": length, "F": features, "S": features * length, "T": min(expected.max_tokens, length + 8)}
    inputs = {name: tuple(axes[axis] for axis in letters) for name, (_kind, letters) in expected.inputs.items()}
    shapes, cost = infer_shapes(graph, inputs)
    for name, (letters, last) in expected.outputs.items():
        if shapes[name] != (*(axes[axis] for axis in letters), last):
            raise BadGraph(_("its output {name} does not fit the labels", name=name))
    memory, characters = texts * _memory_limit(expected, length, size), texts * length
    if cost.memory > memory:
        problem = n_(
            "it needs {size:,} MB for {count} character",
            "it needs {size:,} MB for {count} characters",
            characters,
            size=cost.memory * 4 >> 20,
        )
        raise BadGraph(problem)
    if cost.work > texts * (4 << 30) + 8 * size * characters + 2048 * memory:
        problem = n_(
            "it needs {work:.0e} multiplications for {count} character",
            "it needs {work:.0e} multiplications for {count} characters",
            characters,
            work=cost.work,
        )
        raise BadGraph(problem)


def _memory_limit(expected: NetworkSpec, length: int, size: int) -> int:
    """Limit of the elements in memory, without the weights, for a text of `length` and a file of `size` bytes.

    The limit is the sum of 64 MB; attention with up to 256 heads and relative positions; the elements that the settings
    need for each character; and an encoder's vectors, none longer than a thousandth of the file.
    """
    return (16 << 20) + 256 * length * length + length * (expected.elements_per_character + size // 1000)


@dataclass
class Cost:
    """The memory and the work that a graph needs for one batch."""

    memory: int = 0
    """Maximum number of elements in memory at once, without initializers"""
    work: int = 0
    """Multiplications plus elements written"""


def infer_shapes(graph: OnnxGraph, inputs: Mapping[str, Shape]) -> tuple[dict[str, Shape], Cost]:
    """The shapes of all outputs for inputs of these shapes, and the cost.

    Raises BadGraph if a node cannot be applied, uses a later value, or reuses a name.
    """
    computed = {
        initializer.name: InferredValue(initializer.shape, initializer.content) for initializer in graph.initializers
    }
    if len(computed) < len(graph.initializers) or computed.keys() & inputs.keys():
        raise BadGraph(_("the name of an initializer occurs twice"))
    initializers = frozenset(computed)
    computed |= {name: InferredValue(shape) for name, shape in inputs.items()}
    uses = Counter(name for node in graph.nodes for name in set(node.inputs))
    uses.update(value.name for value in graph.outputs)
    cost, live = Cost(), sum(math.prod(shape) for shape in inputs.values())
    for node in graph.nodes:
        results = _apply(node, computed)
        written = sum(math.prod(result.shape) for result in results)
        live += written
        cost.memory = max(cost.memory, live)
        cost.work += written + sum(result.work for result in results)
        computed.update(zip(node.outputs, results, strict=True))
        for name in {*node.inputs, *node.outputs}:
            uses[name] -= name in node.inputs
            if name and uses[name] <= 0 and name not in initializers:
                live -= math.prod(computed[name].shape)
    missing = [value.name for value in graph.outputs if value.name not in computed]
    if missing:
        raise BadGraph(_("no operator computes its output {name}", name=missing[0]))
    return {value.name: computed[value.name].shape for value in graph.outputs}, cost


def _apply(node: Node, computed: Mapping[str, InferredValue]) -> list[InferredValue]:
    """The results of a node, one for each of its outputs."""
    try:
        results = SHAPE_RULES[node.operator](node, [computed[name] for name in node.inputs if name])
    except (BadShape, KeyError, IndexError, ValueError, TypeError) as error:
        reason = str(error)[:80]
        problem = _("its {operator} cannot be applied ({reason})", operator=node.operator, reason=reason)
        raise BadGraph(problem) from error
    results = results if isinstance(results, list) else [results]
    if len(results) != len(node.outputs) or not computed.keys().isdisjoint(node.outputs):
        raise BadGraph(_("the results of its {operator} have no names of their own", operator=node.operator))
    return results
