"""An encoder's weights off the disk: names to tensors, never anything that runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

import torch
from torch import Tensor

from cnlu.encoder.source import FIX, weight_files
from cnlu.errors import DataError

_POINTER = b"version https://git-lfs"


def read_weights(directory: Path) -> dict[str, Tensor]:
    """All weights by name, on the CPU, safetensors before pickled ones.

    Raises DataError where there are none, or they are damaged, or a pickle holds anything but weights.
    """
    files = weight_files(directory)
    if not files:
        raise DataError(
            f"{directory}: has no weights (model.safetensors or pytorch_model.bin, with all parts of them); "
            "weights of TensorFlow or Flax must be converted first."
        )
    found: dict[str, Tensor] = {}
    for file in files:
        found |= _read(file)
    return found


def _read(file: Path) -> dict[str, Tensor]:
    with file.open("rb") as stream:
        if stream.read(len(_POINTER)) == _POINTER:
            raise DataError(f"{file}: is only a Git LFS pointer to the weights; fetch them with `git lfs pull`.")
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        try:
            return load_file(file)
        except Exception as error:  # its errors have no common class, and a damaged header can be anything
            raise DataError(f"{file}: is damaged or no safetensors file; {FIX}.") from error
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise DataError(
            f"{file}: cannot be read as plain weights: it is damaged, or a pickle with code in it, which is never run; "
            f"{FIX}."
        ) from error
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise DataError(f"{file}: holds something else than weights by name; {FIX}.")
    return {str(name): value for name, value in found.items()}


def rename_weights(weights: dict[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """The weights under the names that a module expects.

    Old names of a layer norm's scale and shift become the present ones, and the prefix under which most of the
    expected names stand (`bert.`) is taken off; names outside it stay as they are.
    """
    renamed = {
        name.removesuffix(".gamma") + ".weight"
        if name.endswith("LayerNorm.gamma")
        else name.removesuffix(".beta") + ".bias"
        if name.endswith("LayerNorm.beta")
        else name: value
        for name, value in weights.items()
    }
    known = frozenset(expected)
    prefixes = Counter[str]()
    for name in renamed:
        parts = name.split(".")
        for i in range(len(parts)):
            if ".".join(parts[i:]) in known:
                prefixes[".".join([*parts[:i], ""])] += 1
                break
    if not prefixes:
        return renamed
    prefix = min(prefixes, key=lambda p: (-prefixes[p], len(p)))
    return {name.removeprefix(prefix): value for name, value in renamed.items()}
