"""The operators that a network may consist of, each with the rule that infers the shape of its result.

An operator is allowed only if its cost is known in advance: its result shape must follow from the shapes of its inputs
and from integers that are initializers or shapes themselves. So there are no loops, and no operator whose result shape
depends on weights or texts. https://onnx.ai/onnx/operators
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnlu.runtime import layout_operators as layout
from cnlu.runtime.onnx_file import SMALL, Node
from cnlu.runtime.shape_inference import (
    BadShape,
    InferredValue,
    Inputs,
    ShapeRule,
    broadcast,
    known_integers,
    normalize_axis,
)


def _elementwise(compute: Callable[..., Any] | None = None) -> ShapeRule:
    """A rule for an elementwise operator with broadcasting; `compute` evaluates it on known integers."""

    def rule(node: Node, inputs: Inputs) -> InferredValue:
        contents = [value.content for value in inputs]
        result = None
        if compute is not None and all(content is not None for content in contents):
            result = np.asarray(compute(*contents), np.int64)
        is_small = result is not None and result.size <= SMALL
        return InferredValue(broadcast([value.shape for value in inputs]), result if is_small else None)

    return rule


def _like_first(node: Node, inputs: Inputs) -> InferredValue:
    """The result has the shape of the first input; the others are parameters (axes, limits, weights of a norm)."""
    return InferredValue(inputs[0].shape)


def _cast(node: Node, inputs: Inputs) -> InferredValue:
    to_float = node.attributes.get("to") in (1, 10, 11, 16)
    return InferredValue(inputs[0].shape, None if to_float else inputs[0].content)


def _div(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    if not np.all(b):
        raise BadShape("a division by 0")
    return np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))


def _reduce(node: Node, inputs: Inputs) -> InferredValue:
    shape, rank = inputs[0].shape, len(inputs[0].shape)
    axes = known_integers(inputs[1]) if len(inputs) > 1 else node.attributes.get("axes", [])
    reduced = {normalize_axis(axis, rank) for axis in axes}
    if not axes and not node.attributes.get("noop_with_empty_axes", 0):
        reduced = set(range(rank))
    keep = node.attributes.get("keepdims", 1)
    return InferredValue(tuple(1 if k in reduced else n for k, n in enumerate(shape) if keep or k not in reduced))


def _matmul(node: Node, inputs: Inputs) -> InferredValue:
    left, right = inputs[0].shape, inputs[1].shape
    if len(left) < 2 or len(right) < 2 or left[-1] != right[-2]:
        raise BadShape(f"no product of {left} and {right}")
    shape = (*broadcast([left[:-2], right[:-2]]), left[-2], right[-1])
    return InferredValue(shape, work=math.prod(shape) * left[-1])


def _gemm(node: Node, inputs: Inputs) -> InferredValue:
    left, right = (
        value.shape[::-1] if node.attributes.get(name, 0) else value.shape
        for value, name in zip(inputs, ("transA", "transB"), strict=False)
    )
    if len(left) != 2 or len(right) != 2 or left[1] != right[0]:
        raise BadShape(f"no product of {left} and {right}")
    return InferredValue((left[0], right[1]), work=left[0] * left[1] * right[1])


def _einsum(node: Node, inputs: Inputs) -> InferredValue:
    """An equation such as `bij,bjk->bik`, with or without spaces."""
    terms, arrow, result = node.attributes["equation"].decode().replace(" ", "").partition("->")
    sizes: dict[str, int] = {}
    for letters, value in zip(terms.split(","), inputs, strict=True):
        for letter, size in zip(letters, value.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise BadShape(f"{letter} is {sizes[letter]} and {size}")
    if not arrow:
        raise BadShape("the equation has no result")
    return InferredValue(tuple(sizes[letter] for letter in result), work=math.prod(sizes.values()))


def _dynamic_quantize(node: Node, inputs: Inputs) -> list[InferredValue]:
    """The quantized values, their scale and their zero point."""
    return [InferredValue(inputs[0].shape), InferredValue(()), InferredValue(())]


SHAPE_RULES: dict[str, ShapeRule] = {
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
        _like_first,
    ),
    "Add": _elementwise(np.add),
    "Sum": _elementwise(),
    "Sub": _elementwise(np.subtract),
    "Mul": _elementwise(np.multiply),
    "Div": _elementwise(_div),
    "Neg": _elementwise(np.negative),
    "Abs": _elementwise(np.abs),
    "Pow": _elementwise(),
    "Min": _elementwise(),
    "Max": _elementwise(),
    "Equal": _elementwise(np.equal),
    "Greater": _elementwise(np.greater),
    "GreaterOrEqual": _elementwise(np.greater_equal),
    "Less": _elementwise(np.less),
    "LessOrEqual": _elementwise(np.less_equal),
    "And": _elementwise(np.logical_and),
    "Or": _elementwise(np.logical_or),
    "Not": _elementwise(np.logical_not),
    "Where": _elementwise(lambda where, a, b: np.where(where != 0, a, b)),
    "Cast": _cast,
    **dict.fromkeys(("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceLogSumExp"), _reduce),
    "MatMul": _matmul,
    "MatMulInteger": _matmul,
    "Gemm": _gemm,
    "Einsum": _einsum,
    "Gather": layout.gather,
    "GatherElements": layout.gather_elements,
    "GatherND": layout.gather_nd,
    "Shape": layout.shape_of,
    "Reshape": layout.reshape,
    "Unsqueeze": layout.unsqueeze,
    "Squeeze": layout.squeeze,
    "Transpose": layout.transpose,
    "Concat": layout.concat,
    "Split": layout.split,
    "Slice": layout.slice_,
    "Pad": layout.pad,
    "Expand": layout.expand,
    "Tile": layout.tile,
    "ConstantOfShape": layout.constant_of_shape,
    "Range": layout.range_,
    "DynamicQuantizeLinear": _dynamic_quantize,
}
"""Operator name -> rule; names without a prefix belong to ONNX's own domain. An operator that the export of another
encoder needs is added here with its rule; tests/encoder/test_families.py compares the table with the exports of all
families."""
