"""Accuracy on held-out text, with two maskings: the reference masking, and that of the run itself."""

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
from cnlu_pretrain.masking.random_tokens import RandomTokens
from cnlu_pretrain.objectives.losses import Pretrainer

REFERENCE_MASKING = MaskingConfig(strategy="word", rate=0.15, replaced=1.0, random=0.0)
"""15 % of the tokens in whole words, all [MASK]: comparable between all training recipes."""
_ROWS = 32


class HeldOut:
    """The held-out rows of a corpus: always the same rows with the same masks."""

    def __init__(
        self, corpus: Corpus, layout: Layout, *, own: Masker, random_tokens: RandomTokens, tokens: int
    ) -> None:
        """`own` is the masker of the run; at most `tokens` tokens are used."""
        reference = Masker(REFERENCE_MASKING, seed=0, mask=corpus.mask, random_tokens=random_tokens)
        self._maskers = {"reference": reference, "own": own}
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
        """ "reference" or "own" -> objective -> loss and accuracy.

        "reference" has the masked objective only, and is left out where no head is trained to predict masked tokens.
        """
        module.eval()
        maskers = {n: masker for n, masker in self._maskers.items() if n == "own" or module.config.masked}
        measured = {name: self._measure(name, masker, module, device) for name, masker in maskers.items()}
        module.train()
        return measured

    def _measure(self, name: str, masker: Masker, module: Pretrainer, device: torch.device) -> dict[str, Any]:
        sums: dict[str, torch.Tensor] = {}
        for batch, samples in self._batches:
            masked = masker(batch.tokens, batch.flags, 0, samples)
            for part in parts(batch, masked, 1, device):
                result = module.masked_only(part) if name == "reference" else module(part)
                for objective, values in result.items():
                    sums[objective] = sums.get(objective, 0) + torch.stack([value.float() for value in values])
        return {objective: _means(values) for objective, values in sums.items()}


def _means(values: torch.Tensor) -> dict[str, float]:
    loss, count, correct = values.tolist()
    return {"loss": round(loss / max(count, 1), 4), "accuracy": round(correct / max(count, 1), 4)}
