"""One forward pass: for every objective the sum of losses, the number of predictions and how many are correct.

Sums, not means: the loop divides by the count over all processes and parts of a step, so that the gradients do not
depend on how a batch is divided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cnlu_pretrain.config import ObjectivesConfig
from cnlu_pretrain.objectives.extra import OrderHead, ReplacedHead, SpanBoundary
from cnlu_pretrain.objectives.heads import Head, head_of


@dataclass(frozen=True)
class TensorBatch:
    """A part of a batch on the device. M tokens are masked, in order of rows and columns."""

    tokens: Tensor
    """[B, T]"""
    kinds: Tensor
    """[B, T] token types"""
    mask: Tensor | None
    """[B, T] False for padding, or None where there is no padding"""
    at: Tensor
    """[M] positions of the masked tokens in the flattened rows"""
    labels: Tensor
    """[M] the original tokens; -100 for a filler entry"""
    span_first: Tensor
    """[M] position of the first token of the span; the token before it is not masked"""
    span_last: Tensor
    """[M] position of the last token of the span; the token after it is not masked"""
    order: Tensor
    """[B] 1 where a pair is out of order, -100 where there is no pair"""


ObjectiveSums = dict[str, tuple[Tensor, Tensor, Tensor]]
"""Objective -> (sum of losses, count, number correct), each a float32 scalar."""


class Pretrainer(nn.Module):
    """An encoder with its head and the other modules that the objectives need."""

    def __init__(self, model: Any, config: ObjectivesConfig, where: str = "the encoder", generator: Any = None) -> None:
        """`model` is a transformers model for masked language; `generator` is a second one, for replaced tokens."""
        super().__init__()
        self.model, self.generator, self.config = model, generator, config
        width = int(model.config.hidden_size)
        self.order = OrderHead(width) if config.order != "none" else None
        output = model.get_output_embeddings()
        self.span = SpanBoundary(width, int(output.weight.shape[1])) if config.span_boundary else None
        self.replaced = ReplacedHead(width) if config.replaced_token else None
        self._head: Head = head_of(model, where)
        self._generator_head: Head | None = head_of(generator, "the generator") if generator is not None else None
        self.frozen = False
        """Whether only the modules around the encoder are trained"""

    def forward(self, batch: TensorBatch) -> ObjectiveSums:
        if self.replaced is not None:
            return self._electra(batch)
        hidden = self._hidden(self.model, batch.tokens, batch)
        flat = hidden.reshape(-1, hidden.shape[-1])
        sums: ObjectiveSums = {}
        if self.config.masked:
            sums["masked"] = _classified(self._head(flat[batch.at]), batch.labels)
        if self.span is not None:
            inner = self.span(flat[batch.span_first - 1], flat[batch.span_last + 1], batch.at - batch.span_first)
            sums["span_boundary"] = _classified(self.model.get_output_embeddings()(inner), batch.labels)
        if self.order is not None:
            sums["order"] = _classified(self.order(hidden[:, 0]), batch.order)
        return sums

    def masked_only(self, batch: TensorBatch) -> ObjectiveSums:
        """The masked objective of the encoder alone, whatever the training objectives are."""
        hidden = self._hidden(self.model, batch.tokens, batch)
        return {"masked": _classified(self._head(hidden.reshape(-1, hidden.shape[-1])[batch.at]), batch.labels)}

    def _hidden(self, model: Any, tokens: Tensor, batch: TensorBatch) -> Tensor:
        """[B, T, width] the last layer's hidden states."""
        more = {"attention_mask": batch.mask} if batch.mask is not None else {}
        if getattr(model.config, "type_vocab_size", 0) > 1:  # RoBERTa has one type, DistilBERT none
            more["token_type_ids"] = batch.kinds
        with torch.set_grad_enabled(torch.is_grad_enabled() and not (self.frozen and model is self.model)):
            hidden: Tensor = model.base_model(input_ids=tokens, **more).last_hidden_state
        return hidden

    def _electra(self, batch: TensorBatch) -> ObjectiveSums:
        """The generator predicts the masked tokens; the encoder detects which tokens were replaced (ELECTRA)."""
        assert self.replaced is not None and self._generator_head is not None
        generated = self._hidden(self.generator, batch.tokens, batch)
        scores = self._generator_head(generated.reshape(-1, generated.shape[-1])[batch.at])
        sums: ObjectiveSums = {"masked": _classified(scores, batch.labels)}
        with torch.no_grad():
            real = batch.labels >= 0
            noise = -torch.log(-torch.log(torch.rand_like(scores, dtype=torch.float32).clamp_(1e-9, 1 - 1e-7)))
            sampled = (scores.float() + noise).argmax(-1)
            tokens = batch.tokens.flatten().clone()
            tokens[batch.at[real]] = sampled[real]
            is_replaced = torch.zeros_like(tokens, dtype=torch.float32)
            is_replaced[batch.at[real]] = (sampled != batch.labels)[real].float()
        hidden = self._hidden(self.model, tokens.view_as(batch.tokens), batch)
        logits = self.replaced(hidden.reshape(-1, hidden.shape[-1])).float()
        weight = torch.ones_like(logits) if batch.mask is None else batch.mask.flatten().float()
        loss = nn.functional.binary_cross_entropy_with_logits(logits, is_replaced, weight, reduction="sum")
        correct = (((logits > 0).float() == is_replaced).float() * weight).sum()
        sums["replaced_token"] = loss, weight.sum(), correct
        if self.order is not None:
            sums["order"] = _classified(self.order(hidden[:, 0]), batch.order)
        return sums


def _classified(scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    scores = scores.float()
    loss = nn.functional.cross_entropy(scores, labels, ignore_index=-100, reduction="sum")
    return loss, (labels >= 0).sum().float(), (scores.argmax(-1) == labels).sum().float()


def weights_of(config: ObjectivesConfig) -> dict[str, float]:
    """The weight of each objective in the loss."""
    return {
        "masked": config.masked,
        "order": config.order_weight,
        "span_boundary": config.span_boundary,
        "replaced_token": config.replaced_token,
    }
