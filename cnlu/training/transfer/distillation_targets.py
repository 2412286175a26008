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
    """[B, L]: the probability that a character is in an entity of a type that has roles"""
    vectors: Tensor | None = None
    """[B, L, width]: the output of the teacher's encoder"""
    covered: Tensor | None = None
    """[B, L]: 1 for the characters that both encoders have tokens of"""


@dataclass(frozen=True, kw_only=True)
class DistillationTargets:
    """The targets of all rows of a training, by row number."""

    answers: Answers
    crf: LegalCRF
    """The teacher's tagger"""
    with_roles: Tensor
    """[tags]: 1 for the tags of types that have roles"""
    temperature: float
    hidden: float
    """Weight of the hidden-state loss"""
    bridge: nn.Module
    """Linear map from the student's character vectors to the teacher's width, trained with the student"""
    metadata: dict[str, Any]
    """The entry of training.json"""

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
        """`width` is the width of the student's encoder, 0 without one."""
        labels, tags = teacher.model.labels, teacher.tags.tags
        with_roles = torch.tensor([float(tag.partition("-")[2] in labels.roles) for tag in tags], device=device)
        target_width = width if answers.vectors is None else answers.vectors.shape[1]
        bridge = nn.Identity() if target_width == width else nn.Linear(width, target_width).to(device)
        metadata = {
            "teacher": teacher.digest,
            "texts": len(answers.intents),
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
            metadata=metadata,
        )

    def add_bridge(self, network: Ensemble, optimizer: torch.optim.Optimizer, config: TrainingConfig) -> None:
        """Adds the bridge to the network, so that it is trained, averaged and saved with it."""
        network.add_module("bridge", self.bridge)
        if parameters := list(self.bridge.parameters()):
            optimizer.add_param_group({"params": parameters, "lr": config.learning_rate, "peak": config.learning_rate})

    def remove_bridge(self, network: Ensemble) -> None:
        """Removes the bridge, which the model does not need."""
        del network.bridge

    def targets(self, numbers: Sequence[int], batch: dict[str, Tensor]) -> BatchTargets:
        """The targets of the rows with these numbers, which are collated in `batch`."""
        mask, answers = batch["mask"], self.answers
        emissions, roles = _padded(answers.select(answers.characters, numbers), mask).split(answers.columns, -1)
        tags = expected_counts(self.crf, emissions, mask)
        intent = torch.from_numpy(answers.intents[list(numbers)]).float().to(mask.device)
        vectors = covered = None
        if answers.vectors is not None:
            vectors = _padded(answers.select(answers.vectors, numbers), mask)
            covered = (vectors != 0).any(-1).float() * (batch["alignment"].sum(-1) > 0)
        return BatchTargets(
            tags=tags, intent=intent, roles=roles, in_role=tags.tags @ self.with_roles, vectors=vectors, covered=covered
        )

    def losses(
        self,
        member: JointNetwork,
        outputs: Outputs,
        batch: dict[str, Tensor],
        encoder_output: EncoderOutput | None,
        targets: BatchTargets,
    ) -> dict[str, Tensor]:
        """The parts of the loss by name for one member of the student, with the weights of `model.losses.joint_loss`.

        Groups are learned from the items of the batch, which are the teacher's. Each member with the encoder adds the
        hidden-state loss, so that its weight beside the member's other parts does not depend on their number.
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
        uses_encoder = member.sizes.encoder > 0
        if uses_encoder and encoder_output is not None and targets.vectors is not None and targets.covered is not None:
            vectors = self.bridge(encoder_output.characters.float())
            parts["hidden"] = self.hidden * hidden_state_loss(vectors, targets.vectors, targets.covered)
        return parts


def _padded(parts: Sequence[Any], mask: Tensor) -> Tensor:
    """Arrays [length, width] as float32 [B, L, width] beside the mask [B, L]."""
    padded = np.zeros((*mask.shape, parts[0].shape[1]), np.float32)
    for k, part in enumerate(parts):
        padded[k, : len(part)] = part
    return torch.from_numpy(padded).to(mask.device)
