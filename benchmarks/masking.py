"""Masking speed in tokens per second, compared with the collator of transformers, on one core and the same rows.

    python benchmarks/masking.py CORPUS [--rows 64] [--length 128] [--seconds 3] [--similar F.npz] [--out FIGURES.json]

CORPUS is the output of `cnlu pretrain prepare`. All systems mask the same packed rows of real text, in memory, in
several alternating rounds. The best round counts, because other processes disturb the slower ones.

    cnlu STRATEGY        cnlu_pretrain.masking, from prepared word starts
    cnlu ngram, similar  the same with similar words instead of [MASK] (a synthetic table unless --similar is given)
    collator whole word  DataCollatorForLanguageModeling(whole_word_mask=True) on rows with offset_mapping
    collator token       the same without whole words, on tensors and on lists

The output also shows the length of the runs that the collator masks as one Chinese word.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import machine, table
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast

from cnlu_pretrain import rng
from cnlu_pretrain.batching.replacement_tokens import random_tokens_of
from cnlu_pretrain.batching.rows import Batch, Layout, assemble
from cnlu_pretrain.config import MaskingConfig, SimilarConfig
from cnlu_pretrain.corpus.corpus import Corpus, open_corpus
from cnlu_pretrain.masking.masker import IGNORED, Masker
from cnlu_pretrain.similar.build_table import build_table
from cnlu_pretrain.similar.table import SimilarWords, load_table

ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description="Throughput of masking.")
    parser.add_argument("corpus", type=Path, metavar="CORPUS")
    parser.add_argument("--rows", type=int, default=64, metavar="N", help="rows of a batch")
    parser.add_argument("--length", type=int, default=128, metavar="N", help="tokens of a row")
    parser.add_argument("--seconds", type=float, default=3.0, metavar="S", help="CPU seconds of each round")
    parser.add_argument("--similar", type=Path, metavar="F.npz", help="a table of similar words")
    parser.add_argument("--out", type=Path, metavar="FIGURES.json", help="where to write all figures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    corpus = open_corpus(arguments.corpus)
    batches = rows_of(corpus, arguments.rows, arguments.length)
    real = int(statistics.fmean(float(batch.mask.sum()) for batch in batches))
    systems = {**cnlu_maskers(corpus, batches, arguments.similar), **collators(corpus, batches)}
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, mask_batch in systems.items():
            best[name] = max(best.get(name, 0.0), throughput(mask_batch, real, len(batches), arguments.seconds))
    baseline = best["collator whole word"]
    rows = [[name, f"{speed / 1e6:.2f} M", f"{speed / baseline:.1f}x"] for name, speed in best.items()]
    print(table(["system", "tokens/s", "of the collator's whole words"], rows))
    shown = collator_runs(corpus, batches)
    print(
        f"\nIn {shown['rows']} rows the collator's whole-word mode masks {shown['share']:.1%} of the tokens, in runs "
        f"of {shown['run']:.1f} on average; {shown['rows_without']:.0%} of the rows have no masked token."
    )
    report = {
        "machine": machine(),
        "rows": arguments.rows,
        "length": arguments.length,
        "tokens_per_second": best,
        "collator": shown,
    }
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def rows_of(corpus: Corpus, rows: int, length: int, most: int = 64) -> list[Batch]:
    """Full batches of the first shard."""
    arrays, layout = corpus.read(corpus.shards[0]), Layout(corpus.special_tokens, length, "none")
    packed = layout.rows(arrays)
    order = np.random.default_rng(1).permutation(len(packed))
    chosen = [order[i : i + rows] for i in range(0, len(order) - rows + 1, rows)][:most]
    return [assemble(arrays, packed, which, layout, rng.keys(0, 0, which)) for which in chosen]


def cnlu_maskers(corpus: Corpus, batches: list[Batch], table_file: Path | None) -> dict[str, Callable[[int], Any]]:
    random_tokens = random_tokens_of(corpus)
    maskers = {
        f"cnlu {strategy}": Masker(
            MaskingConfig(strategy=strategy), seed=1, mask=corpus.mask, random_tokens=random_tokens
        )
        for strategy in ("token", "word", "ngram", "span", "entity")
    }
    words = SimilarWords(load_table(table_file) if table_file else synthetic_table(corpus), corpus.tokenizer)
    similar = MaskingConfig(replacement="similar")
    maskers["cnlu ngram, similar"] = Masker(
        similar, seed=1, mask=corpus.mask, random_tokens=random_tokens, similar=words
    )

    def mask_batch(masker: Masker) -> Callable[[int], Any]:
        return lambda i: masker(batches[i].tokens, batches[i].flags, 0, np.arange(len(batches[i].tokens)))

    return {name: mask_batch(masker) for name, masker in maskers.items()}


def synthetic_table(corpus: Corpus) -> Any:
    """A synthetic table: random similar words for every word of the first shard."""
    pieces = {i: piece for piece, i in json.loads(corpus.tokenizer)["model"]["vocab"].items()}
    arrays = corpus.read(corpus.shards[0])
    bounds = np.append(np.flatnonzero(arrays.flags & 1), len(arrays.tokens))
    words = sorted({"".join(pieces.get(int(t), "") for t in arrays.tokens[a:b]) for a, b in pairwise(bounds[:50_001])})
    generator = np.random.default_rng(1)
    neighbours = {word: [(str(other), 0.9) for other in generator.choice(words, 40)] for word in words}
    return build_table(neighbours, SimilarConfig())


def collators(corpus: Corpus, batches: list[Batch]) -> dict[str, Callable[[int], Any]]:
    tokenizer = hf_tokenizer(corpus)
    whole = DataCollatorForLanguageModeling(tokenizer, whole_word_mask=True, return_tensors="np")
    token = DataCollatorForLanguageModeling(tokenizer)
    listed = [
        [{"input_ids": row.tolist(), "offset_mapping": [(i, i + 1) for i in range(len(row))]} for row in batch.tokens]
        for batch in batches
    ]
    plain = [[{"input_ids": row["input_ids"]} for row in rows] for rows in listed]
    tensors = [[{"input_ids": torch.tensor(row["input_ids"])} for row in rows] for rows in listed]
    return {
        "collator whole word": lambda i: whole([dict(row) for row in listed[i]]),
        "collator token, lists": lambda i: token([dict(row) for row in plain[i]]),
        "collator token, tensors": lambda i: token([dict(row) for row in tensors[i]]),
    }


def hf_tokenizer(corpus: Corpus) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_file=str(corpus.folder / "tokenizer.json"),
        mask_token="[MASK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
    )


def throughput(mask_batch: Callable[[int], Any], tokens: int, batches: int, seconds: float) -> float:
    """Tokens per CPU second, over the batches in turn."""
    mask_batch(0)
    began, count = time.process_time(), 0
    while (spent := time.process_time() - began) < seconds:
        mask_batch(count % batches)
        count += 1
    return tokens * count / spent


def collator_runs(corpus: Corpus, batches: list[Batch]) -> dict[str, float]:
    """What the collator masks in real lines, with the offsets of its own tokenizer."""
    tokenizer = hf_tokenizer(corpus)
    collator = DataCollatorForLanguageModeling(tokenizer, whole_word_mask=True, return_tensors="np")
    pieces = {i: piece for piece, i in json.loads(corpus.tokenizer)["model"]["vocab"].items()}
    texts = [
        "".join(pieces[int(t)].removeprefix("##") for t, flag in zip(row, flags, strict=True) if flag < 8)
        for batch in batches[:8]
        for row, flags in zip(batch.tokens, batch.flags, strict=True)
    ]
    runs: list[int] = []
    masked = total = without = 0
    for text in texts:
        row = tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True)
        labels = collator([{k: row[k] for k in ("input_ids", "offset_mapping")}])["labels"][0] != IGNORED
        edges = np.flatnonzero(np.diff(np.concatenate([[0], labels.astype(int), [0]])))
        runs += (edges[1::2] - edges[::2]).tolist()
        masked, total, without = masked + int(labels.sum()), total + len(labels), without + (not labels.any())
    return {
        "rows": len(texts),
        "share": masked / total,
        "run": statistics.fmean(runs or [0]),
        "rows_without": without / len(texts),
    }


if __name__ == "__main__":
    main()
