"""Match tensors to the initializers of an exported graph, which may be transposed and renamed, and read them back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor

Place = tuple[str, str]
"""(name of the initializer, its layout)"""
FIRST_ROW = "first row"
ROWS, QUANTIZED, SCALE, ZERO_POINT = "_rows", "_quantized", "_scale", "_zero_point"
"""Suffixes of an initializer in 8 bits: the int8 rows of a table with a scale each, or, as ONNX Runtime's quantizer
names them, the steps of a matrix with a scale and a zero point for each column."""


def match_initializers(model: onnx.ModelProto, tensors: Iterable[tuple[str, Tensor]]) -> dict[str, Place]:
    """Name of each tensor -> the initializer with the same bytes; tensors that the graph does not need are absent."""
    initializer_of: dict[str, str] = {}
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            initializer_of.setdefault(_digest(numpy_helper.to_array(tensor)), tensor.name)
    place_of: dict[str, Place] = {}
    for name, parameter in tensors:
        for layout, values in _layouts(parameter.detach().cpu().numpy()).items():
            initializer = initializer_of.get(_digest(values))
            if initializer is not None:
                place_of[name] = (initializer, layout)
                break
    return place_of


def read_initializer(initializers: Mapping[str, onnx.TensorProto], name: str) -> NDArray[Any]:
    """The values of an initializer in float32; those of one in 8 bits are its steps times their scales.

    `name` is that in the float32 graph. Raises KeyError if it is missing, ValueError if its scale has a wrong shape.
    """
    if name in initializers:
        return numpy_helper.to_array(initializers[name])
    scale = numpy_helper.to_array(initializers[name + SCALE])
    if name + ROWS in initializers:
        steps, zero_point = numpy_helper.to_array(initializers[name + ROWS]), np.zeros((), np.float32)
        shapes: list[tuple[int, ...]] = [(len(steps), 1)]
    else:
        steps = numpy_helper.to_array(initializers[name + QUANTIZED])
        zero_point = numpy_helper.to_array(initializers[name + ZERO_POINT]).astype(np.float32)
        shapes = [(), steps.shape[-1:]]
    if scale.shape not in shapes or zero_point.shape not in ((), scale.shape):  # broadcasting could take any memory
        raise ValueError(f"{name} has scales of shape {list(scale.shape)}")
    values: NDArray[Any] = (steps.astype(np.float32) - zero_point) * scale
    return values


def restore_layout(values: NDArray[Any], layout: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """The tensor of this shape from an initializer in this layout; for `FIRST_ROW` the other rows are 0."""
    if layout == FIRST_ROW:
        table = np.zeros(shape, np.float32)
        table[0] = values.reshape(-1)
        return table
    return np.array(values.reshape(shape[::-1]).T if layout == "transposed" else values.reshape(shape))


def _layouts(values: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The layouts in which the exporter may store a tensor; a table of which only row 0 is used shrinks to that row."""
    layouts = {"plain": values, "transposed": values.T}
    return layouts | {FIRST_ROW: values[:1]} if values.ndim == 2 else layouts


def _digest(values: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
