"""Read an encoder's weights from disk, without ever running code from a file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import torch
from torch import Tensor

from cnlu.encoder.files import download_again, weight_files
from cnlu.errors import DataError
from cnlu.i18n import _

_POINTER = b"version https://git-lfs"
_LAYER_NORM = {"gamma": "weight", "beta": "bias"}


def read_weights(directory: Path) -> dict[str, Tensor]:
    """All weights by name, on the CPU; safetensors are preferred to pickles.

    Raises DataError if there are none, they are damaged, or a pickle holds anything but weights.
    """
    files = weight_files(directory)
    if not files:
        raise DataError(
            directory,
            _("has no complete weights (model.safetensors or pytorch_model.bin, with all their parts)"),
            _("copy them into it; weights of TensorFlow or Flax must be converted first"),
        )
    weights: dict[str, Tensor] = {}
    for file in files:
        weights |= _read(file)
    return weights


def _read(file: Path) -> dict[str, Tensor]:
    with file.open("rb") as stream:
        if stream.read(len(_POINTER)) == _POINTER:
            raise DataError(file, _("is only a Git LFS pointer to the weights"), _("fetch them with `git lfs pull`"))
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        try:
            return load_file(file)
        except Exception as error:  # safetensors' errors have no common class
            raise DataError(file, _("is damaged or not a safetensors file"), download_again()) from error
    try:
        weights = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        problem = _("cannot be read as plain weights: it is damaged, or a pickle with code in it, which is never run")
        raise DataError(file, problem, download_again()) from error
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise DataError(file, _("holds something other than weights by name"), download_again())
    return {str(name): value for name, value in weights.items()}


def rename_weights(weights: dict[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """The weights under the names that a module expects.

    The old names of a layer norm's scale and shift become the current ones, and the prefix of most of the expected
    names (`bert.`) is removed. Names without the prefix stay as they are.
    """
    renamed = {
        re.sub(r"(LayerNorm\.)(gamma|beta)$", lambda match: match[1] + _LAYER_NORM[match[2]], name): value
        for name, value in weights.items()
    }
    expected_names = frozenset(expected)
    prefixes = Counter[str]()
    for name in renamed:
        parts = name.split(".")
        for i in range(len(parts)):
            if ".".join(parts[i:]) in expected_names:
                prefixes[".".join([*parts[:i], ""])] += 1
                break
    if not prefixes:
        return renamed
    prefix = min(prefixes, key=lambda p: (-prefixes[p], len(p)))
    return {name.removeprefix(prefix): value for name, value in renamed.items()}
