"""The values of shape inference, and helpers for the shape rules of operators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnlu.runtime.onnx_file import Node

Shape = tuple[int, ...]


class BadShape(ValueError):
    """An operator that cannot be applied to its inputs, or whose result shape is not known in advance."""


@dataclass(frozen=True)
class InferredValue:
    """The shape of a value and, if it is known before the graph runs, its content."""

    shape: Shape
    content: NDArray[np.int64] | None = None
    """Its elements, if they are a few integers that follow from initializers and shapes alone"""
    work: int = 0
    """Multiplications that computing it takes, beyond one for each element"""


Inputs = Sequence[InferredValue]
ShapeRule = Callable[[Node, Inputs], InferredValue | list[InferredValue]]


def known_integers(value: InferredValue) -> list[int]:
    """The integers of a value that must be known: a shape, axes, bounds."""
    if value.content is None:
        raise BadShape("a shape depends on an unknown value")
    return [int(number) for number in value.content.reshape(-1)]


def known_sizes(value: InferredValue) -> Shape:
    """The integers of a value as a shape."""
    sizes = tuple(known_integers(value))
    if any(size < 0 for size in sizes):
        raise BadShape(f"{sizes} is not a shape")
    return sizes


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """The shape that the shapes broadcast to."""
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    sizes = [{size for size in column if size != 1} or {1} for column in zip(*padded, strict=True)]
    if any(len(size) > 1 for size in sizes):
        raise BadShape(f"{' and '.join(map(str, shapes))} do not broadcast")
    return tuple(next(iter(size)) for size in sizes)


def normalize_axis(axis: int, rank: int) -> int:
    """The axis counted from the front."""
    if not -rank <= axis < rank:
        raise BadShape(f"axis {axis} of {rank}")
    return axis % rank
