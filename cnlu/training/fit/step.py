"""One step's gradients: the named losses of a batch, computed in parts where memory asks for it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cnlu.errors import ModelError
from cnlu.model.ensemble import Ensemble
from cnlu.model.losses import joint_loss
from cnlu.training.data.batching import collate
from cnlu.training.data.character_masking import CharacterMasking, drop_values
from cnlu.training.data.featurize import Row
from cnlu.training.data.out_of_fold import select_learned
from cnlu.training.request import Log
from cnlu.training.transfer.distillation_targets import BatchTargets, DistillationTargets


@dataclass
class GradientAccumulator:
    """Accumulates the gradients of batches in the network's parameters."""

    network: Ensemble
    rows: Sequence[Row]
    device: torch.device
    character_masking: CharacterMasking | None
    part: int
    """Examples computed at once; halved for good when memory runs out, while a step stays a whole batch."""
    half: bool
    """Whether the encoder computes in bfloat16."""
    log: Log
    distillation: DistillationTargets | None = None
    """Who gives the answers to learn; None for the annotated ones"""

    def accumulate(self, chosen: Sequence[int]) -> dict[str, float]:
        """Adds the batch's gradients; returns the parts of its loss. Raises ModelError when one row is too much."""
        while True:
            try:
                return self._in_parts(chosen)
            except RuntimeError as error:
                if not _out_of_memory(error):
                    raise
                if self.part == 1:
                    raise ModelError(
                        f"Out of memory on {self.device.type} with a single example; set encoder.checkpointing, lower "
                        "training.max_length or take a smaller encoder."
                    ) from error
            self.network.zero_grad(set_to_none=True)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            self.part = (min(self.part, len(chosen)) + 1) // 2
            self.log(
                f"out of memory on {self.device.type}: going on with {self.part} examples at once; "
                "the batch that a step learns from stays the same"
            )

    def _in_parts(self, chosen: Sequence[int]) -> dict[str, float]:
        totals: dict[str, float] = {}
        for start in range(0, len(chosen), self.part):
            few = chosen[start : start + self.part]
            share = len(few) / len(chosen)
            batch = collate([self.rows[i] for i in few], self.device)
            losses = self._losses(batch, self.distillation.targets(few, batch) if self.distillation else None)
            parts = torch.stack(list(losses.values()))
            (parts.sum() * share).backward()
            for name, loss in zip(losses, parts.tolist(), strict=True):
                totals[name] = totals.get(name, 0.0) + loss * share
        return totals

    def _losses(self, batch: dict[str, Tensor], targets: BatchTargets | None) -> dict[str, Tensor]:
        """The named parts of the loss, summed over the members: each learns as if alone, the encoder from all."""
        with torch.autocast(self.device.type, torch.bfloat16) if self.half else contextlib.nullcontext():
            read = self.network.encode(batch)
        totals: dict[str, Tensor] = {}
        for number, member in enumerate(self.network.networks()):
            own, heard = select_learned(number, batch, read)
            if not len(own["mask"]):
                continue
            seen, config = own, member.config
            if config.value_dropout:
                seen = drop_values(own, member.crf.start_penalty == 0, config.value_dropout)
            outputs = member(seen["characters"], seen["sentence"], seen["mask"], heard)
            if self.distillation and targets:
                parts = self.distillation.losses(member, outputs, own, heard, targets)
            else:
                parts = joint_loss(member, outputs, own)
            if self.character_masking is not None:
                parts["masked"] = member.masked_character_loss(*self.character_masking.hide(own))
            for name, part in parts.items():
                totals[name] = totals[name] + part if name in totals else part
        return totals


def _out_of_memory(error: RuntimeError) -> bool:
    words = ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)
