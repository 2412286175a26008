"""Distillation targets: the teacher's scores for each batch, and the student's losses against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cnlu.config import TrainingConfig
from cnlu.model.crf import LegalCRF
from cnlu.model.distillation_loss import (
    Expected,
    expected_counts,
    hidden_state_loss,
    path_loss,
    role_distillation_loss,
    softened_loss,
    softened_multi_label_loss,
)
from cnlu.model.encoder_output import EncoderOutput
from cnlu.model.ensemble import Ensemble
from cnlu.model.losses import group_loss
from cnlu.model.network import JointNetwork, Outputs, pooled
from cnlu.training.transfer.teacher import Answers
from cnlu.training.transfer.trained_model import TrainedModel


@dataclass(frozen=True, kw_only=True)
class BatchTargets:
    """The targets of a batch of B texts of at most L characters."""

    tags: Expected
    intent: Tensor
    """[B, intents] scores"""
    roles: Tensor
    """[B, L, 1 + roles] scores"""
    in_role: Tensor
    """[B, L]: its probability that a character is in an entity of a type that has roles"""
    vectors: Tensor | None = None
    """[B, L, width] of its encoder"""
    read: Tensor | None = None
    """[B, L]: 1 for the characters that both encoders read"""


@dataclass(frozen=True, kw_only=True)
class DistillationTargets:
    """The targets of all rows of a training, by row number."""

    answers: Answers
    crf: LegalCRF
    """The teacher's"""
    with_roles: Tensor
    """[tags]: 1 for the tags of types that have roles"""
    temperature: float
    hidden: float
    """Weight of the loss of hidden states"""
    bridge: nn.Module
    """From the student's character vectors to the teacher's width; learns with the student"""
    about: dict[str, Any]
    """What it is, as training.json tells it"""

    @classmethod
    def build(
        cls,
        *,
        teacher: TrainedModel,
        answers: Answers,
        width: int,
        temperature: float,
        hidden: float,
        device: torch.device,
    ) -> DistillationTargets:
        """`width` is that of the student's encoder, 0 without one."""
        labels, tags = teacher.model.labels, teacher.tags.tags
        with_roles = torch.tensor([float(tag.partition("-")[2] in labels.roles) for tag in tags], device=device)
        target_width = width if answers.vectors is None else answers.vectors.shape[1]
        bridge = nn.Identity() if target_width == width else nn.Linear(width, target_width).to(device)
        about = {
            "teacher": teacher.digest,
            "texts": len(answers.whole),
            "temperature": temperature,
            "hidden": 0.0 if answers.vectors is None else hidden,
        }
        return cls(
            answers=answers,
            crf=teacher.tagger().to(device),
            with_roles=with_roles,
            temperature=temperature,
            hidden=hidden,
            bridge=bridge,
            about=about,
        )

    def join(self, network: Ensemble, optimizer: torch.optim.Optimizer, config: TrainingConfig) -> None:
        """Adds the bridge to the network, so that it is trained, averaged and saved with it."""
        network.add_module("bridge", self.bridge)
        if learned := list(self.bridge.parameters()):
            optimizer.add_param_group({"params": learned, "lr": config.learning_rate, "peak": config.learning_rate})

    def leave(self, network: Ensemble) -> None:
        """Removes the bridge, which the model does not need."""
        del network.bridge

    def targets(self, numbers: Sequence[int], batch: dict[str, Tensor]) -> BatchTargets:
        """The targets of the rows with these numbers, which are collated in `batch`."""
        mask, answers = batch["mask"], self.answers
        emissions, roles = _padded(answers.of(answers.each, numbers), mask).split(answers.sizes, -1)
        tags = expected_counts(self.crf, emissions, mask)
        intent = torch.from_numpy(answers.whole[list(numbers)]).float().to(mask.device)
        vectors = read = None
        if answers.vectors is not None:
            vectors = _padded(answers.of(answers.vectors, numbers), mask)
            read = (vectors != 0).any(-1).float() * (batch["alignment"].sum(-1) > 0)
        return BatchTargets(
            tags=tags, intent=intent, roles=roles, in_role=tags.tags @ self.with_roles, vectors=vectors, read=read
        )

    def losses(
        self,
        member: JointNetwork,
        outputs: Outputs,
        batch: dict[str, Tensor],
        read: EncoderOutput | None,
        targets: BatchTargets,
    ) -> dict[str, Tensor]:
        """The named parts for one member of the student, weighted as model.losses.joint_loss weights its own.

        Groups are learned from the items of the batch, which the teacher found.

        Every member that reads the encoder asks for the hidden states, so that their weight beside its own parts stays.
        """
        config, parts, mask = member.config, {}, batch["mask"]
        if self.crf.num_tags > 1:
            paths = path_loss(member.crf, outputs.emissions, mask, targets.tags)
            parts["entity"] = config.entity_weight * paths
        if outputs.roles.shape[-1] > 1:
            parts["roles"] = config.entity_weight * role_distillation_loss(
                outputs.roles, targets.roles, targets.in_role
            )
        if (groups := group_loss(member, outputs, batch)) is not None:
            parts["groups"] = groups
        if outputs.intent.shape[-1]:
            softened = softened_multi_label_loss if config.multi_label else softened_loss
            scores = pooled(outputs.intent, mask) if config.multi_label else outputs.intent
            parts["intent"] = config.intent_weight * softened(scores, targets.intent, self.temperature)
        if member.sizes.encoder and read is not None and targets.vectors is not None and targets.read is not None:
            found = self.bridge(read.characters.float())
            parts["hidden"] = self.hidden * hidden_state_loss(found, targets.vectors, targets.read)
        return parts


def _padded(parts: Sequence[Any], mask: Tensor) -> Tensor:
    """Arrays [length, width] as float32 [B, L, width] beside the mask [B, L]."""
    found = np.zeros((*mask.shape, parts[0].shape[1]), np.float32)
    for k, part in enumerate(parts):
        found[k, : len(part)] = part
    return torch.from_numpy(found).to(mask.device)
