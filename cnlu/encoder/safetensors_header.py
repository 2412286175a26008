"""Reads the header of a safetensors file: names, types and shapes, without PyTorch and without the weights."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from cnlu.encoder.files import download_again
from cnlu.errors import DataError
from cnlu.i18n import _

LARGEST_HEADER = 100_000_000
"""Bytes; the format's own limit."""


@dataclass(frozen=True)
class TensorInfo:
    """A tensor as the header describes it."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of its elements."""
        return prod(self.shape)


def read_header(path: Path) -> dict[str, TensorInfo]:
    """The tensors of a safetensors file by name.

    Raises DataError if the header is damaged, or if the file is shorter or longer than its header says.
    """
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > LARGEST_HEADER:
                raise ValueError("the header is too long")
            header: dict[str, Any] = json.loads(stream.read(length))
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        tensors = {name: TensorInfo(str(entry["dtype"]), tuple(entry["shape"])) for name, entry in entries.items()}
        end = max((entry["data_offsets"][1] for entry in entries.values()), default=0)
        if path.stat().st_size != 8 + length + end:
            raise ValueError("the file has another length")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, struct.error) as error:
        raise DataError(path, _("is damaged or not a safetensors file"), download_again()) from error
    return tensors
