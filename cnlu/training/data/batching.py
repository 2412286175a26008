"""Plan batches from (seed, epoch), so that a resumed run sees the same ones, and collate rows into tensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnlu.config import TrainingConfig
from cnlu.model.losses import IGNORE_INDEX
from cnlu.runtime.grouping_features import GroupFeatures
from cnlu.text.tokens import pad_tokens
from cnlu.training.data.featurize import Row

BUCKET = 20  # number of batches whose rows are sorted by length together: little padding, but new batches in each epoch


def plan_epoch(rows: Sequence[Row], config: TrainingConfig, epoch: int) -> list[list[int]]:
    """Batches of row numbers; with `training.balance` rare intents are drawn more often and common ones less."""
    rng = np.random.default_rng([config.seed, epoch])
    order = rng.permutation(len(rows))
    if config.balance:
        counts = Counter(row.intent for row in rows)
        weights = np.array([counts[row.intent] ** -config.balance for row in rows])
        order = rng.choice(len(rows), len(rows), p=weights / weights.sum())
    batches, size = [], config.batch_size
    for start in range(0, len(order), size * BUCKET):
        bucket = sorted(order[start : start + size * BUCKET].tolist(), key=lambda i: len(rows[i]))
        batches += [bucket[i : i + size] for i in range(0, len(bucket), size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def collate(rows: Sequence[Row], device: torch.device) -> dict[str, Tensor]:
    """The rows as tensors, padded to the longest: characters [B, L, F], sentence [B, S], the rest [B, L] or [B].

    - `second_intent` [B, M]: further intents, padded with IGNORE_INDEX; absent if no row has any.
    - `segment_intents` [B, L]: the intent of each character, IGNORE_INDEX if unknown; for rows that have them.
    - `labelled_rows`: the indices of the rows with an intent.
    - `items` [B, N]: the labels of entities that may have a group, padded with IGNORE_INDEX, with their spans and
      features; absent if no row has any.
    - `held_out_by` [B]: bit m is set if member m does not learn from the row; absent if every member learns from all.
    - tokens and token_mask [B, T], alignment [B, L, T]: for rows with an encoder's tokens.
    - vectors [B, L, width] and views [B, K, width]: for rows with frozen features.
    """
    length = max(map(len, rows))
    arrays = _collate_sequences(rows, length) | _collate_intents(rows, length)
    if any(row.held_out_by for row in rows):
        arrays["held_out_by"] = np.array([row.held_out_by for row in rows], np.int64)
    if any(row.items is not None for row in rows):
        arrays |= collate_items(rows)
    tokens = [row.tokens for row in rows if row.tokens is not None]
    if tokens:
        arrays |= pad_tokens(tokens, length)
    if rows[0].frozen_features is not None:
        arrays |= _collate_frozen_features(rows, length)
    return {name: _to_device(torch.from_numpy(array), device) for name, array in arrays.items()}


def _collate_sequences(rows: Sequence[Row], length: int) -> dict[str, NDArray[Any]]:
    """Feature ids, mask, tags and roles."""
    count = len(rows)
    characters = np.zeros((count, length, max(row.characters.shape[1] for row in rows)), np.int32)
    sentence = np.zeros((count, max(1, max(len(row.sentence) for row in rows))), np.int32)
    mask = np.zeros((count, length), np.float32)
    tags = np.zeros((count, length), np.int64)
    roles = np.full((count, length), IGNORE_INDEX)
    for i, row in enumerate(rows):
        n = len(row)
        characters[i, :n, : row.characters.shape[1]] = row.characters
        sentence[i, : len(row.sentence)] = row.sentence
        mask[i, :n], tags[i, :n], roles[i, :n] = 1.0, row.tags, row.roles
    return {"characters": characters, "sentence": sentence, "mask": mask, "tags": tags, "roles": roles}


def _collate_intents(rows: Sequence[Row], length: int) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {"intent": np.array([row.intent for row in rows], np.int64)}
    if width := max(len(row.second_intent) for row in rows):
        padded = [[*row.second_intent, *[IGNORE_INDEX] * (width - len(row.second_intent))] for row in rows]
        arrays["second_intent"] = np.array(padded, np.int64)
    if rows[0].segment_intents is not None:
        arrays["segment_intents"] = np.full((len(rows), length), IGNORE_INDEX)
        for i, row in enumerate(rows):
            arrays["segment_intents"][i, : len(row)] = row.segment_intents
    arrays["labelled_rows"] = np.flatnonzero(arrays["intent"] != IGNORE_INDEX)
    return arrays


def collate_items(rows: Sequence[Row]) -> dict[str, NDArray[Any]]:
    """items [B, N], items_spans [B, N, 3], and the padded arrays of `GroupFeatures` under items_*."""
    rows_with_items = [(i, row.items) for i, row in enumerate(rows) if row.items is not None]
    count, max_items = len(rows), max(len(items.labels) for _, items in rows_with_items)
    arrays: dict[str, NDArray[Any]] = {
        "items": np.full((count, max_items), IGNORE_INDEX),
        "items_spans": np.zeros((count, max_items, 3), np.int64),
        "items_max_repeats": np.zeros(count, np.int64),
    }
    for i, items in rows_with_items:
        n = len(items.labels)
        arrays["items"][i, :n], arrays["items_spans"][i, :n] = items.labels, items.spans
        arrays["items_max_repeats"][i] = items.features.max_repeats
        for name in GroupFeatures._fields[:-1]:
            values: NDArray[Any] = getattr(items.features, name)
            shape = (
                (count, max_items, max_items + 1, values.shape[2])
                if values.ndim == 3
                else (count, max_items, *values.shape[1:])
            )
            array = arrays.setdefault(f"items_{name}", np.zeros(shape, values.dtype))
            index: tuple[Any, ...] = (i, *map(slice, values.shape))
            array[index] = values
    return arrays


def _to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Copied to a GPU asynchronously."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def _collate_frozen_features(rows: Sequence[Row], length: int) -> dict[str, NDArray[np.float32]]:
    features = [row.frozen_features for row in rows if row.frozen_features is not None]
    vectors = np.zeros((len(features), length, features[0][0].shape[1]), np.float32)
    for i, (characters, _) in enumerate(features):
        vectors[i, : len(characters)] = characters
    return {"vectors": vectors, "views": np.stack([views for _, views in features]).astype(np.float32)}
