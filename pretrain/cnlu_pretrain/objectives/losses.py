"""One forward pass: every objective's loss as a sum, how many things it is a sum of, and how many were right.

Sums, not means: the loop divides by the count over all processes and parts of a step, so that the gradients do not
depend on how a batch is shared out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cnlu_pretrain.config import ObjectivesConfig
from cnlu_pretrain.objectives.extra import OrderHead, ReplacedHead, SpanBoundary
from cnlu_pretrain.objectives.heads import Head, head_of

NAMES = ("masked", "order", "span_boundary", "replaced_token")


@dataclass(frozen=True)
class Rows:
    """A part of a batch on the device. M tokens are hidden, in order of rows and columns."""

    tokens: Tensor
    """[B, T]"""
    kinds: Tensor
    """[B, T] token types"""
    mask: Tensor | None
    """[B, T] True for tokens, or None where there is no padding"""
    at: Tensor
    """[M] places of the hidden tokens in the flattened rows"""
    labels: Tensor
    """[M] what stood there; -100 for an entry that fills up"""
    span_first: Tensor
    """[M] place of the first token of each one's unit"""
    span_last: Tensor
    """[M] place of the last"""
    order: Tensor
    """[B] 1 where a pair is out of order, -100 without a pair"""


Found = dict[str, tuple[Tensor, Tensor, Tensor]]
"""Objective -> (sum of losses, count, how many were right), each a float32 scalar."""


class Pretrainer(nn.Module):
    """An encoder with its head and whatever else the objectives need."""

    def __init__(self, model: Any, config: ObjectivesConfig, where: str = "the encoder", generator: Any = None) -> None:
        """`model` is one of transformers' models for masked language; `generator` another, for replaced tokens."""
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
        """The encoder itself does not learn, only what is around it"""

    def forward(self, rows: Rows) -> Found:
        if self.replaced is not None:
            return self._electra(rows)
        hidden = self._hidden(self.model, rows.tokens, rows)
        flat = hidden.reshape(-1, hidden.shape[-1])
        found: Found = {}
        if self.config.masked:
            found["masked"] = _classified(self._head(flat[rows.at]), rows.labels)
        if self.span is not None:
            inner = self.span(flat[rows.span_first - 1], flat[rows.span_last + 1], rows.at - rows.span_first)
            found["span_boundary"] = _classified(self.model.get_output_embeddings()(inner), rows.labels)
        if self.order is not None:
            found["order"] = _classified(self.order(hidden[:, 0]), rows.order)
        return found

    def guesses(self, rows: Rows) -> Found:
        """The masked objective alone, of the encoder itself whatever else it learns by."""
        hidden = self._hidden(self.model, rows.tokens, rows)
        return {"masked": _classified(self._head(hidden.reshape(-1, hidden.shape[-1])[rows.at]), rows.labels)}

    def _hidden(self, model: Any, tokens: Tensor, rows: Rows) -> Tensor:
        """[B, T, width] the last layer's hidden states."""
        more = {"attention_mask": rows.mask} if rows.mask is not None else {}
        if getattr(model.config, "type_vocab_size", 0) > 1:  # RoBERTa has one type, DistilBERT none
            more["token_type_ids"] = rows.kinds
        with torch.set_grad_enabled(torch.is_grad_enabled() and not (self.frozen and model is self.model)):
            hidden: Tensor = model.base_model(input_ids=tokens, **more).last_hidden_state
        return hidden

    def _electra(self, rows: Rows) -> Found:
        """The generator guesses what is hidden; the encoder tells which of all tokens are its guesses (ELECTRA)."""
        assert self.replaced is not None and self._generator_head is not None
        guessed = self._hidden(self.generator, rows.tokens, rows)
        scores = self._generator_head(guessed.reshape(-1, guessed.shape[-1])[rows.at])
        found: Found = {"masked": _classified(scores, rows.labels)}
        with torch.no_grad():
            real = rows.labels >= 0
            noise = -torch.log(-torch.log(torch.rand_like(scores, dtype=torch.float32).clamp_(1e-9, 1 - 1e-7)))
            sampled = (scores.float() + noise).argmax(-1)
            tokens = rows.tokens.flatten().clone()
            tokens[rows.at[real]] = sampled[real]
            is_replaced = torch.zeros_like(tokens, dtype=torch.float32)
            is_replaced[rows.at[real]] = (sampled != rows.labels)[real].float()
        hidden = self._hidden(self.model, tokens.view_as(rows.tokens), rows)
        logits = self.replaced(hidden.reshape(-1, hidden.shape[-1])).float()
        weight = torch.ones_like(logits) if rows.mask is None else rows.mask.flatten().float()
        loss = nn.functional.binary_cross_entropy_with_logits(logits, is_replaced, weight, reduction="sum")
        right = (((logits > 0).float() == is_replaced).float() * weight).sum()
        found["replaced_token"] = loss, weight.sum(), right
        if self.order is not None:
            found["order"] = _classified(self.order(hidden[:, 0]), rows.order)
        return found


def _classified(scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    scores = scores.float()
    loss = nn.functional.cross_entropy(scores, labels, ignore_index=-100, reduction="sum")
    return loss, (labels >= 0).sum().float(), (scores.argmax(-1) == labels).sum().float()


def weights_of(config: ObjectivesConfig) -> dict[str, float]:
    """Each objective's weight in the loss."""
    return {
        "masked": config.masked,
        "order": config.order_weight,
        "span_boundary": config.span_boundary,
        "replaced_token": config.replaced_token,
    }
