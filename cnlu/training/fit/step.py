"""The gradients of one step: the losses of a batch, computed in parts if memory is short."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cnlu.errors import ModelError
from cnlu.i18n import _
from cnlu.model.ensemble import Ensemble
from cnlu.model.losses import joint_loss
from cnlu.training.data.batching import collate
from cnlu.training.data.character_masking import CharacterMasking, drop_values
from cnlu.training.data.featurize import Row
from cnlu.training.data.out_of_fold import select_learned
from cnlu.training.request import Log
from cnlu.training.transfer.distillation_targets import BatchTargets, DistillationTargets


@dataclass(kw_only=True)
class GradientAccumulator:
    """Accumulates the gradients of batches in the network's parameters."""

    network: Ensemble
    rows: Sequence[Row]
    device: torch.device
    character_masking: CharacterMasking | None
    micro_batch_size: int
    """Examples computed at a time, halved when memory runs out; a step still learns from a whole batch."""
    bfloat16: bool
    """Whether the encoder computes in bfloat16"""
    log: Log
    distillation: DistillationTargets | None = None
    """The teacher's targets; None to learn from annotations"""

    def accumulate(self, indices: Sequence[int]) -> dict[str, float]:
        """Add the gradients of the batch; returns the parts of its loss. Raises ModelError if one row is too large."""
        while True:
            try:
                return self._in_parts(indices)
            except RuntimeError as error:
                if not _out_of_memory(error):
                    raise
                if self.micro_batch_size == 1:
                    raise ModelError(
                        f"--device {self.device.type}",
                        _("out of memory with a single example"),
                        _("set encoder.checkpointing, lower training.max_length or use a smaller encoder"),
                    ) from error
            self.network.zero_grad(set_to_none=True)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            self.micro_batch_size = (min(self.micro_batch_size, len(indices)) + 1) // 2
            self.log(
                f"out of memory on {self.device.type}: continuing with {self.micro_batch_size} examples at once; "
                "the batch that a step learns from stays the same"
            )

    def _in_parts(self, indices: Sequence[int]) -> dict[str, float]:
        totals: dict[str, float] = {}
        for start in range(0, len(indices), self.micro_batch_size):
            part = indices[start : start + self.micro_batch_size]
            share = len(part) / len(indices)
            batch = collate([self.rows[i] for i in part], self.device)
            losses = self._losses(batch, self.distillation.targets(part, batch) if self.distillation else None)
            values = torch.stack(list(losses.values()))
            (values.sum() * share).backward()
            for name, loss in zip(losses, values.tolist(), strict=True):
                totals[name] = totals.get(name, 0.0) + loss * share
        return totals

    def _losses(self, batch: dict[str, Tensor], targets: BatchTargets | None) -> dict[str, Tensor]:
        """The parts of the loss by name, summed over the members: each member learns alone, the encoder from all."""
        with torch.autocast(self.device.type, torch.bfloat16) if self.bfloat16 else contextlib.nullcontext():
            encoder_output = self.network.encode(batch)
        totals: dict[str, Tensor] = {}
        for number, member in enumerate(self.network.networks()):
            learned, member_output = select_learned(number, batch, encoder_output)
            if not len(learned["mask"]):
                continue
            inputs, config = learned, member.config
            if config.value_dropout:
                inputs = drop_values(learned, member.crf.start_penalty == 0, config.value_dropout)
            outputs = member(inputs["characters"], inputs["sentence"], inputs["mask"], member_output)
            if self.distillation and targets:
                parts = self.distillation.losses(member, outputs, learned, member_output, targets)
            else:
                parts = joint_loss(member, outputs, learned)
            if self.character_masking is not None:
                parts["masked"] = member.masked_character_loss(*self.character_masking.hide(learned))
            for name, part in parts.items():
                totals[name] = totals[name] + part if name in totals else part
        return totals


def _out_of_memory(error: RuntimeError) -> bool:
    messages = ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError) or any(message in str(error) for message in messages)
