"""Converts a masked batch to tensors for the losses, in parts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnlu_pretrain.batching.rows import Batch
from cnlu_pretrain.batching.stream import Position, Step
from cnlu_pretrain.masking.masker import IGNORED, Masked
from cnlu_pretrain.objectives.losses import TensorBatch

_MARGIN = 1.15
"""Fixed shapes have room for this times the expected number of masked tokens. Masked tokens beyond it, which only very
long units in few rows reach, are not predicted."""


@dataclass(frozen=True, kw_only=True)
class StepTensors:
    """The batch of a step on the host, in pinned memory for a GPU."""

    parts: list[TensorBatch]
    counts: Tensor
    """[4] number of predicted tokens, of pairs, of tokens, and of texts: isolated ones, or else rows"""
    after: Position
    """Where the stream continues"""


def step_tensors(step: Step, count: int, device: torch.device, fixed: float = 0.0) -> StepTensors:
    """The batch in `count` parts for the `device`; `fixed` as in `parts`."""
    batch = step.batch
    pieces = list(parts(batch, step.masked, count, torch.device("cpu"), fixed))
    predicted = sum(int((part.labels >= 0).sum()) for part in pieces)
    texts = len(batch.mask) if batch.position is None else int(((batch.position == 0) & batch.mask).sum())
    counts = torch.tensor([predicted, int((batch.order >= 0).sum()), int(batch.mask.sum()), texts], dtype=torch.float32)
    if device.type == "cuda":
        with torch.cuda.device(device):  # a thread starts on the first GPU, which pinning would occupy
            pieces, counts = [part.pinned() for part in pieces], counts.pin_memory()
    return StepTensors(parts=pieces, counts=counts, after=step.after)


def parts(batch: Batch, masked: Masked, count: int, device: torch.device, fixed: float = 0.0) -> Iterator[TensorBatch]:
    """The rows in `count` parts of about the same size.

    With `fixed`, the masking rate, all parts with the same number of rows have the same shapes, because compiled code
    needs fixed shapes.
    """
    rows = len(batch.tokens)
    size = math.ceil(rows / count)
    for start in range(0, rows, size):
        part = _part(batch, masked, slice(start, min(start + size, rows)), fixed)
        yield (part.pinned() if device.type == "cuda" else part).to(device)


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on the device; the host does not wait for the copy to a GPU."""
    return (tensor.pin_memory() if device.type == "cuda" else tensor).to(device, non_blocking=True)


def _part(batch: Batch, masked: Masked, which: slice, fixed: float) -> TensorBatch:
    labels = masked.labels[which].reshape(-1)
    at = np.flatnonzero(labels != IGNORED)
    first, last = _span_ends(at)
    chosen = labels[at]
    if fixed:
        entries = math.ceil(fixed * len(labels) * _MARGIN / 64) * 64
        missing = max(0, entries - len(at))
        one = np.ones(missing, np.int64)  # the token after the first special token has neighbours on both sides
        at, first, last = (np.append(array, one)[:entries] for array in (at, first, last))
        chosen = np.append(chosen, one * IGNORED)[:entries]
    tokens, kinds, mask = masked.tokens[which], batch.kinds[which], batch.mask[which]

    def tensor(array: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array))

    return TensorBatch(
        tokens=tensor(tokens),
        kinds=tensor(kinds),
        mask=tensor(mask) if fixed or not mask.all() else None,
        at=tensor(at),
        labels=tensor(chosen),
        span_first=tensor(first),
        span_last=tensor(last),
        order=tensor(batch.order[which]),
        piece=None if batch.piece is None else tensor(batch.piece[which]),
        position=None if batch.position is None else tensor(batch.position[which]),
    )


def _span_ends(at: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For masked tokens in order: the positions of the first and the last token of their spans.

    Adjacent units are one span. So the tokens on both sides of a span are never masked themselves: the span-boundary
    objective predicts from the observed tokens at the boundaries (SpanBERT, section 3.2), and the code of the paper
    merges adjacent spans too. A special token ends each row, so no span reaches into the next one.
    """
    firsts = np.flatnonzero(np.diff(at, prepend=-2) != 1)
    sizes = np.diff(np.append(firsts, len(at)))
    return np.repeat(at[firsts], sizes), np.repeat(at[firsts + sizes - 1], sizes)
