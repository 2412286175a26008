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
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from transformers import BertConfig, BertForMaskedLM

from cnlu.text.tokens import SpecialTokens
from cnlu_pretrain import rng
from cnlu_pretrain.batching.prefetch import prefetch
from cnlu_pretrain.batching.rows import Layout, assemble
from cnlu_pretrain.batching.tensors import parts, to_device
from cnlu_pretrain.config import MaskingConfig, ObjectivesConfig, RunConfig
from cnlu_pretrain.corpus.shards import WORD, Arrays
from cnlu_pretrain.masking.masker import Masker
from cnlu_pretrain.masking.random_tokens import uniform_tokens
from cnlu_pretrain.objectives.losses import Pretrainer
from cnlu_pretrain.run.optimizer import build_optimizer
from cnlu_pretrain.run.progress import flops_per_token

MASK, ORDINARY = 4, 5
WARM_UP = 4
PROFILED, SHOWN = 3, 12
"""Steps to profile, and the number of operations to show"""
WAITS = ("cudaDeviceSynchronize", "cudaStreamSynchronize", "cudaEventSynchronize")
"""Calls in which the host waits for a GPU; the profiler itself waits at its end"""
SENTENCES, WORDS = (4, 40), (0.45, 0.4, 0.1, 0.05)
"""Tokens per synthetic sentence; shares of words of 1, 2, 3 and 4 tokens"""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What is measured: an encoder, its rows, and how steps are computed."""

    model: str
    shape: Shape
    rows: int
    length: int
    device: torch.device
    half: bool
    compiled: bool
    seconds: float


@dataclass(frozen=True)
class Operation:
    """The time of one kind of kernel, or of one kind of operation on a CPU."""

    name: str
    milliseconds: float
    """Per step"""
    share: float


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """The figures of one loop on one encoder."""

    model: str
    length: int
    """Tokens of a row"""
    loop: str
    tokens: float
    """Real tokens per second"""
    operations: float
    """Per second"""
    waiting: float
    """Share of the time in which the device waited for data"""
    peak_memory: int
    profile: list[Operation]
    """The operations that take most of a step, on the device"""
    waits: float | None
    """How often the host waited for the GPU, per step; None on a CPU"""


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


Loop = tuple[Any, Iterator[tuple[Any, int]], Callable[[Any, Any], torch.Tensor], float]
"""(the module, its batches with their numbers of real tokens, the loss of a batch, the share of tokens with a head)"""


def measure(setup: Setup) -> Iterator[Pretrained]:
    """Measure cnlu's loop, then the usual one: concatenated lines, single tokens masked, the head on every token."""
    length, vocabulary = setup.length, setup.shape.word_pieces
    arrays = synthetic_corpus(setup.rows * length * 12, vocabulary)
    layout = Layout(SpecialTokens(before=[2], after=[3], summary=0, pad=0, unknown=1, limit=length), length, "none")
    for loop, make in (("cnlu", _cnlu_loop), ("run_mlm, packed", _run_mlm_loop)):
        torch.manual_seed(1)
        model = build(setup.shape, length).to(setup.device).train()
        yield _timed(setup, loop, make(setup, model, arrays, layout))
        del model


def _timed(setup: Setup, loop: str, made: Loop) -> Pretrained:
    module, batches, loss_of, rate = made
    device = setup.device
    optimizer = build_optimizer(module, RunConfig(length=setup.length, batch_tokens=1_000_000_000), device)
    run = torch.compile(module, dynamic=False) if setup.compiled else module
    stream = prefetch(batches)
    waited = 0.0

    def step() -> int:
        nonlocal waited
        asked = time.perf_counter()
        batch, real = next(stream)
        waited += time.perf_counter() - asked
        with torch.autocast(device.type, torch.bfloat16, enabled=setup.half):
            loss = loss_of(run, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return real

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    for _ in range(WARM_UP):
        step()
    _wait(device)
    began, waited, count, tokens = time.perf_counter(), 0.0, 0, 0
    while count < 2 or time.perf_counter() - began < setup.seconds:
        count, tokens = count + 1, tokens + step()
    _wait(device)
    spent, share_waited = time.perf_counter() - began, waited / (time.perf_counter() - began)
    model = module.model if isinstance(module, Pretrainer) else module
    work = flops_per_token(model, setup.length, rate) * setup.rows * setup.length * count / spent
    operations, waits = _profile(step, device)
    stream.close()
    return Pretrained(
        model=setup.model,
        length=setup.length,
        loop=loop,
        tokens=tokens / spent,
        operations=work,
        waiting=share_waited,
        peak_memory=torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0,
        profile=operations,
        waits=waits,
    )


def _profile(step: Callable[[], int], device: torch.device) -> tuple[list[Operation], float | None]:
    """(the operations that take most of a step, how often the host waits for the GPU in it)."""
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities) as profiler:
        for _ in range(PROFILED):
            step()
    events = profiler.key_averages()
    waits = sum(event.count for event in events if event.key in WAITS) / PROFILED if on_gpu else None
    if on_gpu:
        times = {event.key: event.self_device_time_total for event in events if event.device_type == DeviceType.CUDA}
    else:
        times = {event.key: event.self_cpu_time_total for event in events}
    total = sum(times.values()) or 1.0
    longest = sorted(times, key=lambda name: -times[name])[:SHOWN]
    return [Operation(name, times[name] / 1000 / PROFILED, times[name] / total) for name in longest], waits


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _cnlu_loop(setup: Setup, model: Any, arrays: Arrays, layout: Layout) -> Loop:
    rows, packed = setup.rows, layout.rows(arrays)
    masking = MaskingConfig()
    size = model.config.vocab_size
    masker = Masker(masking, seed=1, mask=MASK, random_tokens=uniform_tokens(np.arange(ORDINARY, size), size))

    def batches() -> Iterator[tuple[Any, int]]:
        for number in range(1 << 30):
            which = (np.arange(rows) + number * rows) % len(packed)
            batch = assemble(arrays, packed, which, layout, rng.keys(1, number, which))
            masked = masker(batch.tokens, batch.flags, number, which)
            (one,) = parts(batch, masked, 1, setup.device, masking.rate if setup.compiled else 0.0)
            yield one, int((batch.flags != 8).sum())

    def loss_of(run: Any, batch: Any) -> torch.Tensor:
        loss, count, _ = run(batch)["masked"]
        found: torch.Tensor = loss / count
        return found

    return Pretrainer(model, ObjectivesConfig()), batches(), loss_of, masking.rate


def _run_mlm_loop(setup: Setup, model: Any, arrays: Arrays, layout: Layout) -> Loop:
    rows = setup.rows
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
            yield (to_device(inputs, setup.device), to_device(labels, setup.device)), int(real.sum())

    def loss_of(run: Any, batch: Any) -> torch.Tensor:
        found: torch.Tensor = run(input_ids=batch[0], labels=batch[1]).loss
        return found

    return model, batches(), loss_of, 1.0


def rows_for(device: torch.device, length: int, tiny: bool) -> int:
    """Rows per step: enough for a large GPU."""
    return 4 if tiny else math.ceil((65_536 if device.type == "cuda" else 2048) / length)
