"""One forward pass: for every objective the sum of losses, the number of predictions and how many are correct.

Sums, not means: the loop divides by the count over all processes and parts of a step, so that the gradients do not
depend on how a batch is divided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn

from cnlu_pretrain.config import ObjectivesConfig
from cnlu_pretrain.objectives.extra import OrderHead, ReplacedHead, SpanBoundary
from cnlu_pretrain.objectives.heads import Head, head_of


@dataclass(frozen=True, kw_only=True)
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
    piece: Tensor | None = None
    """[B, T] the number of each token's piece, -1 for padding; a token attends to its piece, or to its row if None"""
    position: Tensor | None = None
    """[B, T] the position of each token in its piece"""

    def to(self, device: torch.device) -> TensorBatch:
        """The same batch on the device; the host does not wait for the copies from pinned memory."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pinned(self) -> TensorBatch:
        """The same batch in memory that a GPU copies while the host goes on."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> TensorBatch:
        tensors: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        changed: dict[str, Any] = {name: None if t is None else change(t) for name, t in tensors.items()}
        return TensorBatch(**changed)

    def originals(self) -> Tensor:
        """[B, T] the tokens before masking."""
        flat = self.tokens.flatten()
        at = torch.where(self.labels >= 0, self.at, len(flat))  # a filler entry goes to a place beyond the end
        return torch.cat([flat, flat[:1]]).index_copy(0, at, self.labels)[:-1].view_as(self.tokens)


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
        for parameter in self._untrained():
            parameter.requires_grad_(False)
        self.encoder_parameters = [p for p in model.base_model.parameters() if p.requires_grad]
        """The trained parameters of the encoder, word embeddings included"""

    @property
    def trained_model(self) -> Any:
        """The transformers model to write: the encoder, and its head for masked tokens where that was trained."""
        return self.model if self.config.trains_head else self.model.base_model

    def freeze_encoder(self, frozen: bool) -> None:
        """Freeze or unfreeze the encoder; the other modules are always trained.

        An output layer that shares the word embeddings is frozen with them, except for its bias.
        """
        for parameter in self.encoder_parameters:
            parameter.requires_grad_(not frozen)

    def _untrained(self) -> Iterator[nn.Parameter]:
        """Parameters that no objective reaches: DistributedDataParallel would wait for their gradients."""
        encoder = {id(p) for p in self.model.base_model.parameters()}
        output = self.model.get_output_embeddings() if self.span is not None else None
        used = {id(p) for p in output.parameters()} if output is not None else set[int]()
        for name, parameter in self.model.named_parameters():
            in_head = id(parameter) not in encoder and id(parameter) not in used and not self.config.trains_head
            if in_head or ".pooler." in name:
                yield parameter

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each objective in the loss."""
        return {
            "masked": self.config.masked,
            "order": self.config.order_weight,
            "span_boundary": self.config.span_boundary,
            "replaced_token": self.config.replaced_token,
        }

    def forward(self, batch: TensorBatch) -> ObjectiveSums:
        if self.replaced is not None:
            return self._electra(batch)
        hidden = self._hidden(self.model, batch.tokens, batch)
        return self._predictions(hidden, batch)

    def _predictions(self, hidden: Tensor, batch: TensorBatch) -> ObjectiveSums:
        """The objectives of masked language, from the hidden states [B, T, width] of the last layer."""
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
        """The masked objective alone, of the generator where there is one."""
        return {"masked": _classified(self._masked_scores(batch), batch.labels)}

    def _masked_scores(self, batch: TensorBatch) -> Tensor:
        """[M, vocabulary] the scores of the masked tokens by the model that learns to predict them."""
        model, head = self.model, self._head
        if self._generator_head is not None:
            model, head = self.generator, self._generator_head
        hidden = self._hidden(model, batch.tokens, batch)
        return head(hidden.reshape(-1, hidden.shape[-1])[batch.at])

    def _hidden(self, model: Any, tokens: Tensor, batch: TensorBatch) -> Tensor:
        """[B, T, width] the last layer's hidden states."""
        more = model_inputs(model.config, batch)
        hidden: Tensor = model.base_model(input_ids=tokens, **more).last_hidden_state
        return hidden

    def _electra(self, batch: TensorBatch) -> ObjectiveSums:
        """The generator predicts the masked tokens; the encoder detects which tokens were replaced (ELECTRA)."""
        assert self.replaced is not None
        scores = self._masked_scores(batch)
        sums: ObjectiveSums = {"masked": _classified(scores, batch.labels)}
        tokens, is_replaced = _replaced(batch, scores.detach())
        hidden = self._hidden(self.model, tokens, batch)
        logits = self.replaced(hidden.reshape(-1, hidden.shape[-1])).float()
        weight = torch.ones_like(logits) if batch.mask is None else batch.mask.flatten().float()
        loss = nn.functional.binary_cross_entropy_with_logits(logits, is_replaced, weight, reduction="sum")
        correct = (((logits > 0).float() == is_replaced).float() * weight).sum()
        sums["replaced_token"] = loss, weight.sum(), correct
        if self.order is not None:
            sums["order"] = _classified(self.order(hidden[:, 0]), batch.order)
        return sums


def model_inputs(config: Any, batch: TensorBatch) -> dict[str, Tensor]:
    """The inputs of a transformers model with this config besides the tokens: mask, token types, positions."""
    inputs = {} if batch.mask is None else {"attention_mask": _padding_mask(config, batch.mask)}
    if batch.piece is not None and batch.position is not None:
        same = batch.piece[:, None, :, None] == batch.piece[:, None, None, :]
        inputs = {"attention_mask": same, "position_ids": batch.position}  # [B, 1, T, T]
    if getattr(config, "type_vocab_size", 0) > 1:  # RoBERTa has one type, DistilBERT none
        inputs["token_type_ids"] = batch.kinds
    return inputs


def _padding_mask(config: Any, mask: Tensor) -> Tensor:
    """The padding mask [B, T] in a form that the model uses as it is.

    From a mask [B, T], transformers would first find out whether anything is masked, which waits for the device. Flash
    attention takes no other form.
    """
    implementation = getattr(config, "_attn_implementation", None)  # NEZHA has none, and does not look at the values
    if implementation == "sdpa":
        return mask[:, None, None, :]
    if implementation == "eager":
        return torch.where(mask, 0.0, torch.finfo(torch.float32).min)[:, None, None, :]
    return mask


def _replaced(batch: TensorBatch, scores: Tensor) -> tuple[Tensor, Tensor]:
    """([B, T] the tokens, the masked ones drawn by the generator's `scores` [M, vocabulary]; [B * T] 1 if replaced).

    Draws by the Gumbel-max trick. Filler entries of the batch write to an extra place at the end, so that no shape
    depends on the data.
    """
    noise = -torch.log(-torch.log(torch.rand_like(scores, dtype=torch.float32).clamp_(1e-9, 1 - 1e-7)))
    drawn = (scores.float() + noise).argmax(-1)
    end = batch.tokens.numel()
    at = torch.where(batch.labels >= 0, batch.at, end)
    tokens = nn.functional.pad(batch.tokens.flatten(), (0, 1)).scatter(0, at, drawn)[:end]
    replaced = scores.new_zeros(end + 1, dtype=torch.float32).scatter(0, at, (drawn != batch.labels).float())[:end]
    return tokens.view_as(batch.tokens), replaced


def _classified(scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    scores = scores.float()
    loss = nn.functional.cross_entropy(scores, labels, ignore_index=-100, reduction="sum")
    return loss, (labels >= 0).sum().float(), (scores.argmax(-1) == labels).sum().float()
