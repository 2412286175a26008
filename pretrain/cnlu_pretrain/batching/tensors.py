"""A batch's arrays to the tensors that the losses read, in parts."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from cnlu_pretrain.batching.rows import Batch
from cnlu_pretrain.masking.masker import IGNORED, Masked
from cnlu_pretrain.objectives.losses import Rows

_STEP_UP = 1.15  # room for hidden tokens in fixed shapes: more than this times their expected number is never seen


def parts(batch: Batch, masked: Masked, count: int, device: torch.device, fixed: float = 0.0) -> Iterator[Rows]:
    """The rows in `count` parts of about one size.

    With `fixed`, the rate of hidden tokens, every part of as many rows has as many entries: compiled code is made for
    one shape.
    """
    rows = len(batch.tokens)
    size = math.ceil(rows / count)
    for start in range(0, rows, size):
        yield _part(batch, masked, slice(start, min(start + size, rows)), device, fixed)


def _part(batch: Batch, masked: Masked, which: slice, device: torch.device, fixed: float) -> Rows:
    labels, unit = masked.labels[which].reshape(-1), masked.unit[which].reshape(-1)
    at = np.flatnonzero(labels != IGNORED)
    first, last = _span_ends(at, unit[at])
    chosen = labels[at]
    if fixed:
        entries = math.ceil(fixed * len(labels) * _STEP_UP / 64) * 64
        missing = max(0, entries - len(at))
        one = np.ones(missing, np.int64)  # the token behind the first mark, which has neighbours on both sides
        at, first, last = (np.append(array, one)[:entries] for array in (at, first, last))
        chosen = np.append(chosen, one * IGNORED)[:entries]
    tokens, kinds, mask = masked.tokens[which], batch.kinds[which], batch.mask[which]

    def tensor(array: NDArray[np.generic]) -> torch.Tensor:
        found = torch.from_numpy(np.ascontiguousarray(array))
        return found.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else found

    return Rows(
        tensor(tokens),
        tensor(kinds),
        tensor(mask) if fixed or not mask.all() else None,
        tensor(at),
        tensor(chosen),
        tensor(first),
        tensor(last),
        tensor(batch.order[which]),
    )


def _span_ends(at: NDArray[np.int64], unit: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of hidden tokens in order: the places of the first and the last token of each one's unit."""
    firsts = np.flatnonzero(np.diff(unit, prepend=-1))
    sizes = np.diff(np.append(firsts, len(at)))
    return np.repeat(at[firsts], sizes), np.repeat(at[firsts + sizes - 1], sizes)
