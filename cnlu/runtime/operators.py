"""The operators that a network may be made of, each with the rule that gives the shape of its result.

An operator is allowed because its cost can be foretold: its shape follows from the shapes of what it is given and from
whole numbers that are constants or shapes themselves. So there are no loops, and none whose result depends on weights
or texts. https://onnx.ai/onnx/operators
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnlu.runtime.onnx_file import SMALL, Node

Shape = tuple[int, ...]


class BadShape(ValueError):
    """An operator that cannot be applied to what it is given, or whose result cannot be foretold."""


@dataclass(frozen=True)
class Known:
    """What is known of a value before anything runs."""

    shape: Shape
    content: NDArray[np.int64] | None = None
    """Of a few whole numbers that follow from constants and shapes alone."""
    work: int = 0
    """Multiplications it takes beyond one an element."""


Given = Sequence[Known]
Rule = Callable[[Node, Given], Known | list[Known]]


def numbers(value: Known) -> list[int]:
    """The whole numbers of a value that must be known: a shape, axes, bounds."""
    if value.content is None:
        raise BadShape("a shape depends on what is not known")
    return [int(number) for number in value.content.reshape(-1)]


def broadcast(shapes: Sequence[Shape]) -> Shape:
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    sizes = [{size for size in column if size != 1} or {1} for column in zip(*padded, strict=True)]
    if any(len(size) > 1 for size in sizes):
        raise BadShape(f"{' and '.join(map(str, shapes))} do not go together")
    return tuple(next(iter(size)) for size in sizes)


def _each(compute: Callable[..., Any] | None = None) -> Rule:
    """Element by element, all inputs widened to one shape; `compute` for numbers that shapes are made of."""

    def rule(node: Node, given: Given) -> Known:
        contents = [value.content for value in given]
        found = None
        if compute is not None and all(content is not None for content in contents):
            found = np.asarray(compute(*contents), np.int64)
        few = found is not None and found.size <= SMALL
        return Known(broadcast([value.shape for value in given]), found if few else None)

    return rule


def _first(node: Node, given: Given) -> Known:
    """As its first input, element by element; the others are settings of it (axes, limits, weights of a norm)."""
    return Known(given[0].shape)


def _cast(node: Node, given: Given) -> Known:
    to_float = node.attributes.get("to") in (1, 10, 11, 16)
    return Known(given[0].shape, None if to_float else given[0].content)


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise BadShape(f"axis {axis} of {rank}")
    return axis % rank


def _reduce(node: Node, given: Given) -> Known:
    shape, rank = given[0].shape, len(given[0].shape)
    axes = numbers(given[1]) if len(given) > 1 else node.attributes.get("axes", [])
    gone = {_axis(axis, rank) for axis in axes}
    if not axes and not node.attributes.get("noop_with_empty_axes", 0):
        gone = set(range(rank))
    keep = node.attributes.get("keepdims", 1)
    return Known(tuple(1 if k in gone else n for k, n in enumerate(shape) if keep or k not in gone))


def _matmul(node: Node, given: Given) -> Known:
    left, right = given[0].shape, given[1].shape
    if len(left) < 2 or len(right) < 2 or left[-1] != right[-2]:
        raise BadShape(f"no product of {left} and {right}")
    shape = (*broadcast([left[:-2], right[:-2]]), left[-2], right[-1])
    return Known(shape, work=math.prod(shape) * left[-1])


def _gemm(node: Node, given: Given) -> Known:
    left, right = (
        value.shape[::-1] if node.attributes.get(name, 0) else value.shape
        for value, name in zip(given, ("transA", "transB"), strict=False)
    )
    if len(left) != 2 or len(right) != 2 or left[1] != right[0]:
        raise BadShape(f"no product of {left} and {right}")
    return Known((left[0], right[1]), work=left[0] * left[1] * right[1])


def _shape(node: Node, given: Given) -> Known:
    sizes = given[0].shape[slice(node.attributes.get("start", 0), node.attributes.get("end"))]
    return Known((len(sizes),), np.array(sizes, np.int64))


def _gather(node: Node, given: Given) -> Known:
    data, places = given
    axis = _axis(node.attributes.get("axis", 0), len(data.shape))
    content = None
    if data.content is not None and places.content is not None and axis == 0:
        content = data.content[np.array(places.content)]
    return Known((*data.shape[:axis], *places.shape, *data.shape[axis + 1 :]), content)


def _concat(node: Node, given: Given) -> Known:
    axis = _axis(node.attributes.get("axis", 0), len(given[0].shape))
    rests = {value.shape[:axis] + value.shape[axis + 1 :] for value in given}
    if len(rests) != 1:
        raise BadShape("what is joined differs in another axis")
    shape = list(given[0].shape)
    shape[axis] = sum(value.shape[axis] for value in given)
    contents = [value.content for value in given if value.content is not None]
    known = len(shape) == 1 and shape[0] <= SMALL and len(contents) == len(given)
    return Known(tuple(shape), np.concatenate(contents) if known else None)


def _reshape(node: Node, given: Given) -> Known:
    asked, size = numbers(given[1]), math.prod(given[0].shape)
    if not node.attributes.get("allowzero", 0):
        asked = [given[0].shape[k] if n == 0 and k < len(given[0].shape) else n for k, n in enumerate(asked)]
    if -1 in asked:
        rest = math.prod(n for n in asked if n != -1)
        asked[asked.index(-1)] = size // rest if rest > 0 else 0
    if any(n < 0 for n in asked) or math.prod(asked) != size:
        raise BadShape(f"{given[0].shape} is not {asked}")
    content = given[0].content
    return Known(tuple(asked), None if content is None else content.reshape(asked))


def _unsqueeze(node: Node, given: Given) -> Known:
    axes = numbers(given[1])
    rank = len(given[0].shape) + len(axes)
    added = {_axis(axis, rank) for axis in axes}
    rest = iter(given[0].shape)
    if len(added) != len(axes):
        raise BadShape("an axis comes twice")
    shape = tuple(1 if k in added else next(rest) for k in range(rank))
    content = given[0].content
    return Known(shape, None if content is None else content.reshape(shape))


def _squeeze(node: Node, given: Given) -> Known:
    shape, rank = given[0].shape, len(given[0].shape)
    axes = numbers(given[1]) if len(given) > 1 else [k for k in range(rank) if shape[k] == 1]
    gone = {_axis(axis, rank) for axis in axes}
    if any(shape[k] != 1 for k in gone):
        raise BadShape(f"an axis of {shape} is not 1")
    left = tuple(n for k, n in enumerate(shape) if k not in gone)
    content = given[0].content
    return Known(left, None if content is None else content.reshape(left))


def _transpose(node: Node, given: Given) -> Known:
    rank = len(given[0].shape)
    order = node.attributes.get("perm", list(range(rank))[::-1])
    if sorted(order) != list(range(rank)):
        raise BadShape(f"{order} is no order of {rank} axes")
    return Known(tuple(given[0].shape[k] for k in order))


def _slice(node: Node, given: Given) -> Known:
    starts, ends = numbers(given[1]), numbers(given[2])
    axes = numbers(given[3]) if len(given) > 3 else list(range(len(starts)))
    steps = numbers(given[4]) if len(given) > 4 else [1] * len(starts)
    shape, rank = list(given[0].shape), len(given[0].shape)
    cuts = [slice(None)] * rank
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        axis = _axis(axis, rank)
        if step < 1:
            raise BadShape(f"a step of {step}")
        cuts[axis] = slice(start, end, step)
        shape[axis] = len(range(*cuts[axis].indices(given[0].shape[axis])))
    content = given[0].content
    return Known(tuple(shape), None if content is None else content[tuple(cuts)])


def _split(node: Node, given: Given) -> list[Known]:
    shape, count = given[0].shape, len(node.outputs)
    axis = _axis(node.attributes.get("axis", 0), len(shape))
    each = -(-shape[axis] // count)
    sizes = numbers(given[1]) if len(given) > 1 else [min(each, max(0, shape[axis] - k * each)) for k in range(count)]
    if len(sizes) != count or sum(sizes) != shape[axis] or min(sizes) < 0:
        raise BadShape(f"{shape} is not divided by {sizes}")
    return [Known((*shape[:axis], size, *shape[axis + 1 :])) for size in sizes]


def _expand(node: Node, given: Given) -> Known:
    return Known(broadcast([given[0].shape, _sizes(given[1])]))


def _filled(node: Node, given: Given) -> Known:
    return Known(_sizes(given[0]))


def _tile(node: Node, given: Given) -> Known:
    return Known(tuple(n * times for n, times in zip(given[0].shape, _sizes(given[1]), strict=True)))


def _sizes(value: Known) -> Shape:
    sizes = tuple(numbers(value))
    if any(size < 0 for size in sizes):
        raise BadShape(f"{sizes} is no shape")
    return sizes


def _range(node: Node, given: Given) -> Known:
    (start,), (end,), (step,) = map(numbers, given)
    if not step:
        raise BadShape("a step of 0")
    found = range(start, end, step)
    return Known((len(found),), np.array(found, np.int64) if len(found) <= SMALL else None)


def _pad(node: Node, given: Given) -> Known:
    rank, pads = len(given[0].shape), numbers(given[1])
    axes = [_axis(axis, rank) for axis in numbers(given[3])] if len(given) > 3 else list(range(rank))
    shape = list(given[0].shape)
    for k, axis in enumerate(axes):
        shape[axis] += pads[k] + pads[k + len(axes)]
    if min(shape, default=0) < 0 or len(pads) != 2 * len(axes):
        raise BadShape(f"no padding {pads} of {given[0].shape}")
    return Known(tuple(shape))


def _gather_elements(node: Node, given: Given) -> Known:
    return Known(given[1].shape)


def _gather_nd(node: Node, given: Given) -> Known:
    data, places = given[0].shape, given[1].shape
    batch = node.attributes.get("batch_dims", 0)
    if not places or not 0 <= batch < len(places) or not 0 < places[-1] <= len(data) - batch:
        raise BadShape(f"no places {places} in {data}")
    return Known((*places[:-1], *data[batch + places[-1] :]))


def _einsum(node: Node, given: Given) -> Known:
    """Letters with spaces between them or none: `bij,bjk->bik`."""
    terms, arrow, result = node.attributes["equation"].decode().replace(" ", "").partition("->")
    sizes: dict[str, int] = {}
    for letters, value in zip(terms.split(","), given, strict=True):
        for letter, size in zip(letters, value.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise BadShape(f"{letter} is {sizes[letter]} and {size}")
    if not arrow:
        raise BadShape("the result is not said")
    return Known(tuple(sizes[letter] for letter in result), work=math.prod(sizes.values()))


def _quantized(node: Node, given: Given) -> list[Known]:
    """The values in 8 bits, their scale, and which of the steps is 0."""
    return [Known(given[0].shape), Known(()), Known(())]


def _divided(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    if not np.all(b):
        raise BadShape("a division by 0")
    return np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))


RULES: dict[str, Rule] = {
    **dict.fromkeys(
        (
            "Gelu",
            "Softmax",
            "LayerNormalization",
            "Clip",
            "CumSum",
            "Sigmoid",
            "Tanh",
            "Relu",
            "Erf",
            "Exp",
            "Log",
            "Sqrt",
            "Sign",
            "Ceil",
            "Floor",
            "Sin",
            "Cos",
            "Trilu",
        ),
        _first,
    ),
    "Add": _each(np.add),
    "Sum": _each(),
    "Sub": _each(np.subtract),
    "Mul": _each(np.multiply),
    "Div": _each(_divided),
    "Neg": _each(np.negative),
    "Abs": _each(np.abs),
    "Pow": _each(),
    "Min": _each(),
    "Max": _each(),
    "Equal": _each(np.equal),
    "Greater": _each(np.greater),
    "GreaterOrEqual": _each(np.greater_equal),
    "Less": _each(np.less),
    "LessOrEqual": _each(np.less_equal),
    "And": _each(np.logical_and),
    "Or": _each(np.logical_or),
    "Not": _each(np.logical_not),
    "Where": _each(lambda where, a, b: np.where(where != 0, a, b)),
    "Cast": _cast,
    **dict.fromkeys(("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceLogSumExp"), _reduce),
    "MatMul": _matmul,
    "MatMulInteger": _matmul,
    "Gemm": _gemm,
    "Einsum": _einsum,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "Shape": _shape,
    "Reshape": _reshape,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Pad": _pad,
    "Expand": _expand,
    "Tile": _tile,
    "ConstantOfShape": _filled,
    "Range": _range,
    "DynamicQuantizeLinear": _quantized,
}
"""By the operator's name in ONNX's own domain. What an export of some encoder needs beyond these is added here, with a
rule; tests/encoder/test_families.py compares the table with what the exports of all families write."""
