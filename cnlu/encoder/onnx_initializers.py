"""Which constant of an exported graph holds which tensor: many are transposed, and few keep their names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor

Place = tuple[str, str]
"""Name of the constant, and its form"""
FIRST_ROW = "first row"


def places(model: onnx.ModelProto, tensors: Iterable[tuple[str, Tensor]]) -> dict[str, Place]:
    """Tensor -> the constant of the same bytes. What the graph does not need is absent."""
    known: dict[str, str] = {}
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            known.setdefault(_digest(numpy_helper.to_array(tensor)), tensor.name)
    found = {}
    for name, given in tensors:
        for form, values in _forms(given.detach().cpu().numpy()).items():
            constant = known.get(_digest(values))
            if constant is not None:
                found[name] = (constant, form)
                break
    return found


def restore_layout(constant: NDArray[Any], form: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """The tensor of this shape that was noted as `constant` in `form`; of a first row alone the others are 0."""
    if form == FIRST_ROW:
        table = np.zeros(shape, np.float32)
        table[0] = constant.reshape(-1)
        return table
    return np.array(constant.reshape(shape[::-1]).T if form == "transposed" else constant.reshape(shape))


def _forms(values: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """How the exporter may keep a tensor; of a table that is asked for one row alone, only that stays."""
    forms = {"plain": values, "transposed": values.T}
    return forms | {FIRST_ROW: values[:1]} if values.ndim == 2 else forms


def _digest(values: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
