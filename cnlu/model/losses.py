"""The training loss: the weighted sum of the losses of entities, intents, roles and groups."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from cnlu.config import ModelConfig
from cnlu.model.network import JointNetwork, Outputs, pooled

IGNORE_INDEX = -100  # a target that no loss counts


def joint_loss(network: JointNetwork, outputs: Outputs, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weighted parts of the loss by name; `batch` is from `training.data.batching.collate`."""
    config = network.config
    parts = {}
    if config.entity_weight:
        tagging = network.crf.negative_log_likelihood(outputs.emissions, batch["tags"], batch["mask"])
        parts["entity"] = config.entity_weight * tagging.mean()
        if outputs.roles.shape[-1] > 1:
            parts["roles"] = config.entity_weight * role_loss(outputs.roles, batch["roles"])
        if (groups := group_loss(network, outputs, batch)) is not None:
            parts["groups"] = groups
    if config.intent_weight:
        if config.multi_label:
            scores = pooled(outputs.intent, batch["mask"])
            multi_intent = multi_label_loss(scores, batch["intent"], batch.get("second_intent"), batch["labelled_rows"])
            parts["intent"] = config.intent_weight * multi_intent
            parts["segment_intents"] = config.intent_weight * segment_intent_loss(
                outputs.intent, batch["segment_intents"]
            )
        else:
            parts["intent"] = config.intent_weight * intent_loss(
                outputs.intent, batch["intent"], config, batch.get("labelled_rows")
            )
    return parts


def group_loss(network: JointNetwork, outputs: Outputs, batch: dict[str, Tensor]) -> Tensor | None:
    """The weighted loss of the annotated items; None if no entity of the batch can belong to an item."""
    if network.items is None or "items" not in batch:
        return None
    return network.config.entity_weight * network.items.loss(outputs.groups, batch) / len(outputs.groups)


def role_loss(scores: Tensor, gold: Tensor) -> Tensor:
    """scores [B, L, 1 + names], gold [B, L] (IGNORE_INDEX outside entities with roles) -> cross-entropy, summed per
    text, mean over the texts."""
    total = F.cross_entropy(scores.flatten(0, 1), gold.flatten(), ignore_index=IGNORE_INDEX, reduction="sum")
    return total / len(scores)


def multi_label_loss(scores: Tensor, gold: Tensor, second_intent: Tensor | None, labelled: Tensor) -> Tensor:
    """scores [B, K], gold [B] and further intents [B, M] (IGNORE_INDEX: none) -> binary cross-entropy per label.

    Summed over the labels, so that the one gold label is not outweighed by the other K - 1; mean over the
    `labelled` rows, the indices of those with an intent.
    """
    if not scores.shape[1] or not len(labelled):
        return scores.sum() * 0.0
    target = torch.zeros_like(scores).scatter_(1, gold.clamp_min(0)[:, None], 1.0)
    if second_intent is not None:
        target.scatter_add_(1, second_intent.clamp_min(0), (second_intent != IGNORE_INDEX).to(target.dtype))
    return F.binary_cross_entropy_with_logits(scores[labelled], target[labelled], reduction="sum") / len(labelled)


def segment_intent_loss(scores: Tensor, gold: Tensor) -> Tensor:
    """Intent scores of characters [B, L, K], gold [B, L] (IGNORE_INDEX: unknown) -> mean over the known characters.

    A character belongs to one intent. This cross-entropy separates similar intents, so that a sentence with one
    intent does not get a similar one as well.
    """
    labelled_count = (gold != IGNORE_INDEX).sum()
    total = F.cross_entropy(scores.flatten(0, 1), gold.flatten(), ignore_index=IGNORE_INDEX, reduction="sum")
    return total / labelled_count.clamp_min(1)


def intent_loss(scores: Tensor, gold: Tensor, config: ModelConfig, labelled: Tensor | None = None) -> Tensor:
    """scores [B, K], gold [B] (IGNORE_INDEX: no intent annotated) -> mean loss.

    `labelled` holds the indices of the rows with an intent; computing them here would synchronise with the GPU.
    `similarity` is DIET's (section 3, "Intent classification"): softmax over the gold label and sampled other
    labels, so the cost of a step does not grow with the number of labels.
    """
    labelled = (gold != IGNORE_INDEX).nonzero()[:, 0] if labelled is None else labelled
    if scores.shape[1] < 2 or not len(labelled):
        return scores.sum() * 0.0
    scores, gold = scores[labelled], gold[labelled]
    if config.intent_loss == "similarity" and config.negatives < scores.shape[1] - 1:
        sampling_weights = torch.ones_like(scores).scatter_(1, gold[:, None], 0.0)
        others = torch.multinomial(sampling_weights, config.negatives)
        scores = torch.cat([scores.gather(1, gold[:, None]), scores.gather(1, others)], 1)
        gold = torch.zeros_like(gold)
    return F.cross_entropy(scores, gold, label_smoothing=config.label_smoothing)
