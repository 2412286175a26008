"""The output of a frozen encoder for each row, computed once and kept in memory, or on disk if it is large."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from cnlu.model.encoder_output import AlignedEncoder
from cnlu.progress import progress
from cnlu.training.data.batching import collate
from cnlu.training.data.featurize import Row

BATCH = 64


def add_frozen_features(
    rows: Sequence[Row],
    aligned_encoder: AlignedEncoder,
    views: int,
    device: torch.device,
    memory: int,
    folder: Path,
    quiet: bool = True,
) -> list[Row]:
    """The rows with the encoder's output in float16.

    If it exceeds `memory` bytes, it goes to an anonymous file in `folder` that disappears with the process.
    """
    heights = [len(row) + views for row in rows]
    store = open_store((sum(heights), aligned_encoder.width), memory, folder)
    starts = np.cumsum([0, *heights])
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    aligned_encoder = aligned_encoder.to(device).eval()
    encoded: list[Row] = list(rows)
    bar = progress(f"encoding on {device.type}", len(rows), " examples", quiet=quiet)
    with bar, torch.no_grad():
        for start in range(0, len(order), BATCH):
            indices = order[start : start + BATCH]
            batch = collate([rows[i] for i in indices], device)
            output = aligned_encoder(batch["tokens"], batch["token_mask"], batch["alignment"])
            vectors, sentences = output.characters.cpu().numpy(), output.views.cpu().numpy()
            for k, i in enumerate(indices):
                target = store[starts[i] : starts[i + 1]]
                target[:views], target[views:] = sentences[k], vectors[k, : len(rows[i])]
                encoded[i] = replace(rows[i], frozen_features=(target[views:], target[:views]))
            bar.update(len(indices))
    return encoded


def open_store(shape: tuple[int, int], memory: int, folder: Path) -> NDArray[np.float16]:
    """An array in memory, or in an anonymous file in `folder` if it exceeds `memory` bytes."""
    if 2 * shape[0] * shape[1] <= memory:
        return np.empty(shape, np.float16)
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - the array keeps it open
    return np.memmap(file, np.float16, "w+", shape=shape)
