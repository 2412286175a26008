"""Accuracy on text that was kept apart, in two ways: by a fixed yardstick, and as the run itself hides tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from cnlu_pretrain import rng
from cnlu_pretrain.batching.rows import Batch, Layout, assemble
from cnlu_pretrain.batching.tensors import parts
from cnlu_pretrain.config import MaskingConfig
from cnlu_pretrain.corpus.corpus import Corpus
from cnlu_pretrain.masking.masker import Masker
from cnlu_pretrain.objectives.losses import Pretrainer

YARDSTICK = MaskingConfig(strategy="word", rate=0.15, replaced=1.0, random=0.0)
"""15 % of the tokens in whole words, all [MASK]: what checkpoints of all recipes are compared by."""
_ROWS = 32


class HeldOut:
    """The held-out rows of a corpus, always the same ones with the same tokens hidden."""

    def __init__(self, corpus: Corpus, layout: Layout, own: Masker, ordinary: np.ndarray, tokens: int) -> None:
        reference_masking = Masker(YARDSTICK, seed=0, mask=corpus.mask, ordinary=ordinary)
        self._maskers = {"yardstick": reference_masking, "own": own}
        self._batches: list[tuple[Batch, np.ndarray]] = []
        missing = tokens // layout.length
        for number, shard in enumerate(corpus.held_out):
            arrays = corpus.read(shard)
            rows = layout.rows(arrays)
            for start in range(0, min(len(rows), missing), _ROWS):
                which = np.arange(start, min(start + _ROWS, len(rows), missing))
                samples = which + (number << 32) + (1 << 48)
                self._batches.append((assemble(arrays, rows, which, layout, rng.keys(0, 0, samples)), samples))
            missing -= min(len(rows), missing)

    def __bool__(self) -> bool:
        return bool(self._batches)

    @torch.no_grad()
    def measure(self, module: Pretrainer, device: torch.device) -> dict[str, dict[str, Any]]:
        """Way -> objective -> loss and accuracy. `reference_masking` has the masked objective alone."""
        module.eval()
        found: dict[str, dict[str, Any]] = {}
        for way, masker in self._maskers.items():
            sums: dict[str, torch.Tensor] = {}
            for batch, samples in self._batches:
                masked = masker(batch.tokens, batch.flags, 0, samples)
                for rows in parts(batch, masked, 1, device):
                    result = module.guesses(rows) if way == "yardstick" else module(rows)
                    for name, values in result.items():
                        sums[name] = sums.get(name, 0) + torch.stack([value.float() for value in values])
            found[way] = {}
            for name, values in sums.items():
                loss, count, right = values.tolist()
                found[way][name] = {"loss": round(loss / max(count, 1), 4), "accuracy": round(right / max(count, 1), 4)}
        module.train()
        return found
