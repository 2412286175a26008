"""Which rows go together: drawn as indices from (seed, epoch), so a resumed run sees the same batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cnlu.config import TrainingConfig
from cnlu.model.losses import NOTHING
from cnlu.training.rows import Row

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
    """Arrays of several rows filled up to the longest: characters [B, L, F], sentence [B, S], the rest [B, L], [B]."""
    length, count = max(map(len, rows)), len(rows)
    characters = np.zeros((count, length, max(row.characters.shape[1] for row in rows)), np.int32)
    sentence = np.zeros((count, max(1, max(len(row.sentence) for row in rows))), np.int32)
    mask = np.zeros((count, length), np.float32)
    tags = np.zeros((count, length), np.int64)
    roles, groups = np.full((count, length), NOTHING), np.full((count, length), NOTHING)
    for i, row in enumerate(rows):
        n = len(row)
        characters[i, :n, : row.characters.shape[1]] = row.characters
        sentence[i, : len(row.sentence)] = row.sentence
        mask[i, :n], tags[i, :n], roles[i, :n], groups[i, :n] = 1.0, row.tags, row.roles, row.groups
    arrays = {"characters": characters, "sentence": sentence, "mask": mask, "tags": tags, "roles": roles,
              "groups": groups, "intent": np.array([row.intent for row in rows], np.int64)}  # fmt: skip
    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
