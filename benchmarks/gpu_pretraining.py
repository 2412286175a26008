"""The pretraining part of `gpu.py`: steps on synthetic text, compared with the usual script, and their FLOPs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gpu_training import Shape
from transformers import BertConfig, BertForMaskedLM

from cnlu.text.tokens import SpecialTokens
from cnlu_pretrain import rng
from cnlu_pretrain.batching.packing import PackedRows
from cnlu_pretrain.batching.rows import Layout, assemble
from cnlu_pretrain.batching.stream import prefetch
from cnlu_pretrain.batching.tensors import parts
from cnlu_pretrain.config import MaskingConfig, ObjectivesConfig, RunConfig
from cnlu_pretrain.corpus.shards import WORD, Arrays
from cnlu_pretrain.masking.masker import Masker
from cnlu_pretrain.masking.random_tokens import uniform_tokens
from cnlu_pretrain.objectives.losses import Pretrainer
from cnlu_pretrain.run.optimizer import build_optimizer
from cnlu_pretrain.run.progress import flops_per_token

MASK, ORDINARY = 4, 5
WARM_UP = 4
SENTENCES, WORDS = (4, 40), (0.45, 0.4, 0.1, 0.05)
"""Tokens per synthetic sentence; shares of words of 1, 2, 3 and 4 tokens"""


@dataclass(frozen=True)
class Pretrained:
    """The figures of one loop on one encoder."""

    model: str
    loop: str
    tokens: float
    """Real tokens per second"""
    operations: float
    """Per second"""
    waiting: float
    """Share of the time in which the device waited for data"""
    peak_memory: int


def synthetic_corpus(size: int, vocabulary: int) -> Arrays:
    """Text of about `size` random tokens in words and sentences of natural lengths."""
    generator = np.random.default_rng(1)
    sentences = generator.integers(*SENTENCES, size // (sum(SENTENCES) // 2)).astype(np.uint32)
    total = int(sentences.sum())
    flags = np.zeros(total, np.uint8)
    starts = np.cumsum(generator.choice([1, 2, 3, 4], total, p=WORDS))
    flags[0] = flags[starts[starts < total]] = WORD
    flags[np.cumsum(sentences)[:-1]] |= WORD
    sentences_of = np.arange(0, len(sentences), 8)
    documents = np.diff(sentences_of, append=len(sentences)).astype(np.uint32)
    return Arrays(generator.integers(ORDINARY, vocabulary, total), flags, sentences, documents)


def build(shape: Shape, length: int) -> Any:
    config = BertConfig(
        vocab_size=shape.word_pieces,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=max(512, length),
    )
    return BertForMaskedLM._from_config(config, attn_implementation="sdpa")


def measure(
    name: str, shape: Shape, rows: int, length: int, device: torch.device, half: bool, seconds: float, compiled: bool
) -> Iterator[Pretrained]:
    """Measure cnlu's loop, then the usual one: concatenated lines, single tokens masked, the head on every token."""
    arrays = synthetic_corpus(rows * length * 12, shape.word_pieces)
    layout = Layout(SpecialTokens(before=[2], after=[3], summary=0, pad=0, unknown=1, limit=length), length, "none")
    packed = layout.rows(arrays)
    for loop, make in (("cnlu", _cnlu_loop), ("run_mlm, packed", _run_mlm_loop)):
        torch.manual_seed(1)
        model = build(shape, length).to(device).train()
        yield _timed(
            name=name,
            loop=loop,
            make=make,
            model=model,
            arrays=arrays,
            layout=layout,
            packed=packed,
            rows=rows,
            device=device,
            half=half,
            seconds=seconds,
            compiled=compiled,
        )
        del model


def _timed(
    name: str,
    loop: str,
    make: Any,
    model: Any,
    arrays: Arrays,
    layout: Layout,
    packed: PackedRows,
    rows: int,
    device: torch.device,
    half: bool,
    seconds: float,
    compiled: bool,
) -> Pretrained:
    module, batches, loss_of, rate = make(
        model=model, arrays=arrays, layout=layout, packed=packed, rows=rows, device=device, compiled=compiled
    )
    optimizer = build_optimizer(module, RunConfig(length=layout.length, batch_tokens=1_000_000_000), device)
    run = torch.compile(module) if compiled else module
    count = tokens = 0
    waited = 0.0
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    stream = prefetch(batches)
    began = time.perf_counter()
    while count < WARM_UP + 2 or time.perf_counter() - began < seconds:
        if count == WARM_UP:
            _wait(device)
            began, tokens, waited = time.perf_counter(), 0, 0.0
        asked = time.perf_counter()
        batch, real = next(stream)
        waited += time.perf_counter() - asked
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            loss = loss_of(run, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        count, tokens = count + 1, tokens + real
    _wait(device)
    spent = time.perf_counter() - began
    stream.close()
    steps = count - WARM_UP
    work = flops_per_token(model, layout.length, rate) * rows * layout.length * steps / spent
    memory = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    return Pretrained(
        model=name, loop=loop, tokens=tokens / spent, operations=work, waiting=waited / spent, peak_memory=memory
    )


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


Loop = tuple[Any, Iterator[tuple[Any, int]], Callable[[Any, Any], torch.Tensor], float]


def _cnlu_loop(
    model: Any, arrays: Arrays, layout: Layout, packed: PackedRows, rows: int, device: torch.device, compiled: bool
) -> Loop:
    masking = MaskingConfig()
    size = model.config.vocab_size
    masker = Masker(masking, seed=1, mask=MASK, random_tokens=uniform_tokens(np.arange(ORDINARY, size), size))

    def batches() -> Iterator[tuple[Any, int]]:
        for number in range(1 << 30):
            which = (np.arange(rows) + number * rows) % len(packed)
            batch = assemble(arrays, packed, which, layout, rng.keys(1, number, which))
            masked = masker(batch.tokens, batch.flags, number, which)
            (one,) = parts(batch, masked, 1, device, masking.rate if compiled else 0.0)
            yield one, int((batch.flags != 8).sum())

    def loss_of(run: Any, batch: Any) -> torch.Tensor:
        loss, count, _ = run(batch)["masked"]
        found: torch.Tensor = loss / count
        return found

    return Pretrainer(model, ObjectivesConfig()), batches(), loss_of, masking.rate


def _run_mlm_loop(
    model: Any, arrays: Arrays, layout: Layout, packed: PackedRows, rows: int, device: torch.device, compiled: bool
) -> Loop:
    ends = np.cumsum(arrays.sentences, dtype=np.int64)
    token_rows = np.insert(np.insert(arrays.tokens, ends, 3), np.append(0, ends[:-1]) + np.arange(len(ends)), 2)
    token_rows = token_rows[: len(token_rows) // layout.length * layout.length].reshape(-1, layout.length)

    def batches() -> Iterator[tuple[Any, int]]:
        for number in range(1 << 30):
            tokens = torch.from_numpy(token_rows[(np.arange(rows) + number * rows) % len(token_rows)])
            real = tokens >= ORDINARY
            masked = (torch.rand(tokens.shape) < 0.15) & real
            labels = torch.where(masked, tokens, -100)
            mask_action = torch.rand(tokens.shape)
            inputs = torch.where(masked & (mask_action < 0.8), MASK, tokens)
            random = torch.randint_like(tokens, ORDINARY, model.config.vocab_size)
            inputs = torch.where(masked & (mask_action >= 0.9), random, inputs)
            yield (inputs.to(device), labels.to(device)), int(real.sum())

    def loss_of(run: Any, batch: Any) -> torch.Tensor:
        found: torch.Tensor = run(input_ids=batch[0], labels=batch[1]).loss
        return found

    return model, batches(), loss_of, 1.0


def rows_for(device: torch.device, length: int, tiny: bool) -> int:
    """Rows per step: enough for a large GPU."""
    return 4 if tiny else math.ceil((65_536 if device.type == "cuda" else 2048) / length)
