"""Speed of a pretraining step in real tokens per second, compared with the usual script, on the same model and text.

    python benchmarks/pretrain_step.py CORPUS --encoder DIR [--batch-tokens 4096] [--length 128] [--steps 6]
                                       [--rounds 3] [--device cpu|cuda] [--float32] [--compile] [--threads 1]
                                       [--out FIGURES.json]

CORPUS is the output of `cnlu pretrain prepare` with the tokenizer of DIR. Three loops run in several alternating
rounds; the medians count. The time includes making batches, in each loop's own way. All loops have the same weights,
precision, attention (SDPA), AdamW and clipping.

    cnlu              rows packed from sentences, n-grams of whole words masked, the head on masked tokens only
    run_mlm, packed   as run_mlm.py of transformers: lines with special tokens, concatenated and cut to rows of one
                      length, tokens masked by its collator, the head on every token
    run_mlm, lines    as its --line_by_line: one line per row, padded to the longest of the batch

Real tokens are those of the text, without special tokens and padding.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import machine, table
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast

from cnlu_pretrain.batching.replacement_tokens import random_tokens_of
from cnlu_pretrain.batching.row_index import RowIndex
from cnlu_pretrain.batching.rows import Layout
from cnlu_pretrain.batching.stream import Position, Stream
from cnlu_pretrain.batching.tensors import parts
from cnlu_pretrain.config import MaskingConfig, ObjectivesConfig, RunConfig
from cnlu_pretrain.corpus.corpus import Corpus, open_corpus
from cnlu_pretrain.encoder.load import load_encoder
from cnlu_pretrain.masking.masker import Masker
from cnlu_pretrain.objectives.losses import Pretrainer
from cnlu_pretrain.run.optimizer import build_optimizer

Step = Callable[[], int]
"""Makes a batch, trains on it and returns its number of real tokens"""


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    corpus = open_corpus(arguments.corpus)
    device = torch.device(arguments.device)
    model = load_encoder(arguments.encoder, corpus, RunConfig(length=arguments.length)).model
    half = torch.autocast(device.type, torch.bfloat16, enabled=not arguments.float32)
    systems = {
        "cnlu": cnlu_loop(corpus, copy.deepcopy(model), device, half, arguments),
        "run_mlm, packed": run_mlm_loop(
            packed(corpus, arguments),
            copy.deepcopy(model),
            device=device,
            half=half,
            corpus=corpus,
            arguments=arguments,
        ),
        "run_mlm, lines": run_mlm_loop(
            lines(corpus, arguments), copy.deepcopy(model), device=device, half=half, corpus=corpus, arguments=arguments
        ),
    }
    found: dict[str, list[float]] = {name: [] for name in systems}
    for step in systems.values():
        step()
    for _ in range(arguments.rounds):
        for name, step in systems.items():
            began, tokens = time.perf_counter(), 0
            for _ in range(arguments.steps):
                tokens += step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            found[name].append(tokens / (time.perf_counter() - began))
    speeds = {name: statistics.median(values) for name, values in found.items()}
    rows = [[name, f"{speed:.0f}", f"{speeds['cnlu'] / speed:.2f}x"] for name, speed in speeds.items()]
    print(table(["loop", "real tokens/s", "cnlu is as fast"], rows))
    if arguments.out:
        settings = {name: str(value) for name, value in vars(arguments).items()}
        report = {"machine": machine(), "tokens_per_second": found, "settings": settings}
        arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Tokens per second of a pretraining step.")
    parser.add_argument("corpus", type=Path, metavar="CORPUS")
    parser.add_argument("--encoder", required=True, metavar="DIR")
    parser.add_argument("--batch-tokens", type=int, default=4096, metavar="N")
    parser.add_argument("--length", type=int, default=128, metavar="N")
    parser.add_argument("--steps", type=int, default=6, metavar="N", help="steps per round of each loop")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--float32", action="store_true", help="do not use bfloat16")
    parser.add_argument("--compile", action="store_true", help="torch.compile for all three")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    parser.add_argument("--out", type=Path, metavar="FIGURES.json")
    return parser.parse_args()


def trainer(
    module: Any, device: torch.device, arguments: argparse.Namespace
) -> tuple[Any, Callable[[torch.Tensor], None]]:
    """(The module on its device, a function that takes a training step on a loss)."""
    module.to(device).train()
    optimizer = build_optimizer(module, RunConfig(length=arguments.length), device)

    def train_step(loss: torch.Tensor) -> None:
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return torch.compile(module, dynamic=False) if arguments.compile else module, train_step


def cnlu_loop(corpus: Corpus, model: Any, device: torch.device, half: Any, arguments: argparse.Namespace) -> Step:
    module, train_step = trainer(Pretrainer(model, ObjectivesConfig()), device, arguments)
    masking = MaskingConfig()
    masker = Masker(masking, seed=1, mask=corpus.mask, random_tokens=random_tokens_of(corpus))
    layout = Layout(corpus.special_tokens, arguments.length, "none")
    rows = arguments.batch_tokens // arguments.length
    steps = Stream([RowIndex(corpus, layout)], layout, masker, seed=1, rows=rows).steps(Position())
    fixed = masking.rate if arguments.compile else 0.0

    def step() -> int:
        one = next(steps)
        (rows,) = parts(one.batch, one.masked, 1, device, fixed)
        with half:
            loss, count, _ = module(rows)["masked"]
        train_step(loss / count)
        return int((one.batch.flags != 8).sum())

    return step


Batch = tuple[list[dict[str, Any]], int]


def run_mlm_loop(
    batches: Iterator[Batch], model: Any, device: torch.device, half: Any, corpus: Corpus, arguments: argparse.Namespace
) -> Step:
    module, train_step = trainer(model, device, arguments)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(corpus.folder / "tokenizer.json"),
        mask_token="[MASK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
    )
    collator = DataCollatorForLanguageModeling(tokenizer)

    def step() -> int:
        rows, real = next(batches)
        batch = {name: tensor.to(device) for name, tensor in collator(rows).items()}
        with half:
            loss = module(**batch).loss
        train_step(loss)
        return real

    return step


def sentences(corpus: Corpus) -> Iterator[list[int]]:
    """The sentences of the corpus in random order, without end."""
    generator = np.random.default_rng(1)
    arrays = corpus.read(corpus.shards[0])
    bounds = np.append(0, np.cumsum(arrays.sentences, dtype=np.int64))
    while True:
        for i in generator.permutation(len(bounds) - 1):
            yield arrays.tokens[bounds[i] : bounds[i + 1]].tolist()


def packed(corpus: Corpus, arguments: argparse.Namespace) -> Iterator[Batch]:
    """Lines with special tokens, concatenated and cut to rows."""
    stream, held, (cls,), (sep,) = (
        sentences(corpus),
        list[int](),
        corpus.special_tokens.before,
        corpus.special_tokens.after,
    )
    while True:
        rows: list[dict[str, Any]] = []
        real = 0
        while len(rows) < arguments.batch_tokens // arguments.length:
            while len(held) < arguments.length:
                held += [cls, *next(stream), sep]
            row, held = held[: arguments.length], held[arguments.length :]
            real += sum(token not in (cls, sep) for token in row)
            rows.append({"input_ids": torch.tensor(row), "attention_mask": torch.ones(len(row), dtype=torch.long)})
        yield rows, real


def lines(corpus: Corpus, arguments: argparse.Namespace) -> Iterator[Batch]:
    """One line per row, truncated; as many rows as needed for the real tokens of a packed batch."""
    (cls,), (sep,) = corpus.special_tokens.before, corpus.special_tokens.after
    rows: list[dict[str, Any]] = []
    real = 0
    for line in sentences(corpus):
        row = [cls, *line[: arguments.length - 2], sep]
        rows.append({"input_ids": row, "attention_mask": [1] * len(row)})
        real += len(row) - 2
        if real >= arguments.batch_tokens * 0.9:
            yield rows, real
            rows, real = [], 0


if __name__ == "__main__":
    main()
