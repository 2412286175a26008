"""Which rows go together: drawn as indices from (seed, epoch), so a resumed run sees the same batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnlu.config import TrainingConfig
from cnlu.model.losses import NOTHING
from cnlu.runtime.grouping import GroupFeatures
from cnlu.text.tokens import pad_tokens
from cnlu.training.data.featurize import Row

BUCKET = 20  # batches that are sorted by length together: little padding, still a different mix each epoch


def plan_epoch(rows: Sequence[Row], config: TrainingConfig, epoch: int) -> list[list[int]]:
    """Batches of row numbers; with `balance` rare intents are drawn more often and common ones less."""
    random = np.random.default_rng([config.seed, epoch])
    order = random.permutation(len(rows))
    if config.balance:
        counts = Counter(row.intent for row in rows)
        chance = np.array([counts[row.intent] ** -config.balance for row in rows])
        order = random.choice(len(rows), len(rows), p=chance / chance.sum())
    batches, size = [], config.batch_size
    for start in range(0, len(order), size * BUCKET):
        bucket = sorted(order[start : start + size * BUCKET].tolist(), key=lambda i: len(rows[i]))
        batches += [bucket[i : i + size] for i in range(0, len(bucket), size)]
    return [batches[i] for i in random.permutation(len(batches))]


def collate(rows: Sequence[Row], device: torch.device) -> dict[str, Tensor]:
    """The rows as arrays, filled up to the longest: characters [B, L, F], sentence [B, S], the rest [B, L], [B].

    - `second_intent` [B, M]: further intents of the same sentences, NOTHING where there are none; absent where no row
      has any.
    - `segment_intents` [B, L]: each character's own intent, NOTHING where it is not known; of rows that have them.
    - `known`: the numbers of the rows with an intent.
    - `items` [B, N]: the labels of entities that may have a group, NOTHING beyond them, with their spans and facts;
      absent where no row has any.
    - `unseen` [B]: the bits of the members that leave a row out; absent where none does.
    - tokens and token_mask [B, T], alignment [B, L, T]: of rows with an encoder's tokens.
    - vectors [B, L, width] and views [B, K, width]: of rows that a frozen encoder has read.
    """
    length, count = max(map(len, rows)), len(rows)
    characters = np.zeros((count, length, max(row.characters.shape[1] for row in rows)), np.int32)
    sentence = np.zeros((count, max(1, max(len(row.sentence) for row in rows))), np.int32)
    mask = np.zeros((count, length), np.float32)
    tags = np.zeros((count, length), np.int64)
    roles = np.full((count, length), NOTHING)
    for i, row in enumerate(rows):
        n = len(row)
        characters[i, :n, : row.characters.shape[1]] = row.characters
        sentence[i, : len(row.sentence)] = row.sentence
        mask[i, :n], tags[i, :n], roles[i, :n] = 1.0, row.tags, row.roles
    arrays = {
        "characters": characters,
        "sentence": sentence,
        "mask": mask,
        "tags": tags,
        "roles": roles,
        "intent": np.array([row.intent for row in rows], np.int64),
    }
    if most := max(len(row.second_intent) for row in rows):
        arrays["second_intent"] = np.array(
            [[*row.second_intent, *[NOTHING] * (most - len(row.second_intent))] for row in rows], np.int64
        )
    if rows[0].segment_intents is not None:
        arrays["segment_intents"] = np.full((count, length), NOTHING)
        for i, row in enumerate(rows):
            arrays["segment_intents"][i, : len(row)] = row.segment_intents
    arrays["known"] = np.flatnonzero(arrays["intent"] != NOTHING)
    if any(row.unseen for row in rows):
        arrays["unseen"] = np.array([row.unseen for row in rows], np.int64)
    if any(row.items is not None for row in rows):
        arrays |= collate_items(rows)
    found = [row.tokens for row in rows if row.tokens is not None]
    if found:
        arrays |= pad_tokens(found, length)
    if rows[0].read is not None:
        arrays |= _read(rows, length)
    return {name: _moved(torch.from_numpy(array), device) for name, array in arrays.items()}


def collate_items(rows: Sequence[Row]) -> dict[str, NDArray[Any]]:
    """items [B, N], items_spans [B, N, 3], and the arrays of runtime.grouping.GroupFeatures padded, under items_*."""
    known = [(i, row.items) for i, row in enumerate(rows) if row.items is not None]
    count, most = len(rows), max(len(items.labels) for _, items in known)
    arrays: dict[str, NDArray[Any]] = {
        "items": np.full((count, most), NOTHING),
        "items_spans": np.zeros((count, most, 3), np.int64),
        "items_max_repeats": np.zeros(count, np.int64),
    }
    for i, items in known:
        n = len(items.labels)
        arrays["items"][i, :n], arrays["items_spans"][i, :n] = items.labels, items.spans
        arrays["items_max_repeats"][i] = items.features.max_repeats
        for name in GroupFeatures._fields[:-1]:
            given: NDArray[Any] = getattr(items.features, name)
            shape = (count, most, most + 1, given.shape[2]) if given.ndim == 3 else (count, most, *given.shape[1:])
            array = arrays.setdefault(f"items_{name}", np.zeros(shape, given.dtype))
            place: tuple[Any, ...] = (i, *map(slice, given.shape))
            array[place] = given
    return arrays


def _moved(tensor: Tensor, device: torch.device) -> Tensor:
    """On a GPU without waiting for it to finish what it is doing."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def _read(rows: Sequence[Row], length: int) -> dict[str, NDArray[np.float32]]:
    known = [row.read for row in rows if row.read is not None]
    vectors = np.zeros((len(known), length, known[0][0].shape[1]), np.float32)
    for i, (characters, _) in enumerate(known):
        vectors[i, : len(characters)] = characters
    return {"vectors": vectors, "views": np.stack([views for _, views in known]).astype(np.float32)}
