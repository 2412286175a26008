"""Objectives: the tokens they predict from, the parameters they train, and their graph."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import BertForMaskedLM

from cnlu_pretrain.batching.rows import Batch
from cnlu_pretrain.batching.tensors import parts
from cnlu_pretrain.config import MaskingConfig, ObjectivesConfig
from cnlu_pretrain.encoder.load import generator_for
from cnlu_pretrain.masking.masker import IGNORED, Masked, Masker
from cnlu_pretrain.masking.random_tokens import uniform_tokens
from cnlu_pretrain.objectives.losses import Pretrainer

MASK, VOCABULARY = 4, 1000


def batch_of(rows: int = 64, width: int = 64) -> Batch:
    """Random tokens in words of two, between special tokens."""
    generator = np.random.default_rng(1)
    tokens = generator.integers(5, VOCABULARY, (rows, width))
    flags = np.tile((np.arange(width) % 2 == 1).astype(np.uint8), (rows, 1))
    flags[:, 0] = flags[:, -1] = 8
    kinds, mask = np.zeros((rows, width), np.int64), np.ones((rows, width), bool)
    return Batch(tokens=tokens, flags=flags, kinds=kinds, mask=mask, order=np.full(rows, -100))


def masked_of(batch: Batch, **masking) -> Masked:
    random_tokens = uniform_tokens(np.arange(5, VOCABULARY), VOCABULARY)
    masker = Masker(MaskingConfig(**masking), seed=1, mask=MASK, random_tokens=random_tokens)
    return masker(batch.tokens, batch.flags, 0, np.arange(len(batch.tokens)))


@pytest.mark.parametrize("strategy", ["token", "word", "ngram", "span"])
def test_the_boundary_tokens_of_a_span_are_never_masked(strategy):
    batch = batch_of()
    masked = masked_of(batch, strategy=strategy, rate=0.3)
    (part,) = parts(batch, masked, 1, torch.device("cpu"))
    labels = torch.from_numpy(masked.labels).flatten()
    masked_ends = (labels[part.span_first - 1] != IGNORED) | (labels[part.span_last + 1] != IGNORED)
    assert not masked_ends.any(), f"{masked_ends.float().mean():.1%} of the predictions use a masked boundary token"
    assert bool(((part.span_first <= part.at) & (part.at <= part.span_last)).all())
    spans = [labels[first : last + 1] for first, last in zip(part.span_first, part.span_last, strict=True)]
    assert all(bool((span != IGNORED).all()) for span in spans)


def pretrainer_of(tiny_encoder, **objectives) -> Pretrainer:
    model = BertForMaskedLM.from_pretrained(tiny_encoder)
    torch.manual_seed(1)
    generator = generator_for(model, 0.5) if objectives.get("replaced_token") else None
    return Pretrainer(model, ObjectivesConfig(**objectives), "the encoder", generator)


OBJECTIVES = pytest.mark.parametrize(
    "objectives",
    [
        {},
        {"span_boundary": 1.0},
        {"masked": 0.0, "span_boundary": 1.0},
        {"masked": 0.0, "order": "sop"},
        {"replaced_token": 50.0},
        {"replaced_token": 50.0, "order": "sop"},
    ],
    ids=["mlm", "mlm + sbo", "sbo", "sop", "rtd", "rtd + sop"],
)


@OBJECTIVES
def test_each_trainable_parameter_has_a_gradient(tiny_encoder, objectives):
    """Distributed training waits for the gradients of all of them."""
    pretrainer = pretrainer_of(tiny_encoder, **objectives)
    assert missing_gradients(pretrainer) == []


@OBJECTIVES
def test_a_frozen_encoder_has_no_gradients_and_the_other_modules_do(tiny_encoder, objectives):
    pretrainer = pretrainer_of(tiny_encoder, **objectives)
    pretrainer.freeze_encoder(True)
    assert missing_gradients(pretrainer) == []
    assert all(parameter.grad is None for parameter in pretrainer.model.base_model.parameters())
    pretrainer.freeze_encoder(False)
    assert missing_gradients(pretrainer) == []


def missing_gradients(pretrainer: Pretrainer) -> list[str]:
    batch = batch_of(8)
    batch.order[:] = 1
    (part,) = parts(batch, masked_of(batch), 1, torch.device("cpu"))
    sum(loss for loss, _, _ in pretrainer(part).values()).backward()
    return [name for name, p in pretrainer.named_parameters() if p.requires_grad and p.grad is None]


@OBJECTIVES
def test_torch_compile_traces_a_forward_pass_as_one_graph(tiny_encoder, objectives):
    """Boolean indexing waits for the device and breaks the graph."""
    pretrainer = pretrainer_of(tiny_encoder, **objectives).eval()
    batch = batch_of(8)
    (part,) = parts(batch, masked_of(batch), 1, torch.device("cpu"), 0.15)
    explained = torch._dynamo.explain(pretrainer)(part)
    assert explained.graph_break_count == 0, [reason.reason for reason in explained.break_reasons]
