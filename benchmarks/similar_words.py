"""Which words replace which: draws pairs of a word and its replacement in a sentence, for a person to judge.

    python benchmarks/similar_words.py CORPUS --similar F.npz [--pairs 300] [--seed 1] [--out PAIRS.tsv]

CORPUS is the output of `cnlu pretrain prepare`. The text is masked as `cnlu pretrain run` masks it with similar words.
The output has the share of the replaced Chinese words that get a neighbour, and a line for each drawn pair: the word,
the replacement, and the words around it. Fill in a first column of 1 (the sentence is still one that a person could
write, whatever it means now) or 0, and count with: awk -F'\\t' '{n += $1} END {print n / NR}' PAIRS.tsv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from cnlu_pretrain import rng
from cnlu_pretrain.batching.replacement_tokens import HAN, random_tokens_of
from cnlu_pretrain.batching.rows import Layout, assemble
from cnlu_pretrain.config import MaskingConfig
from cnlu_pretrain.corpus.corpus import open_corpus
from cnlu_pretrain.masking.masker import REPLACED, Masker
from cnlu_pretrain.masking.units import words_of
from cnlu_pretrain.similar.table import SimilarWords, load_table

AROUND = 8


def main() -> None:
    parser = argparse.ArgumentParser(description="Draws pairs of words and their replacements.")
    parser.add_argument("corpus", type=Path, metavar="CORPUS")
    parser.add_argument("--similar", required=True, type=Path, metavar="F.npz")
    parser.add_argument("--pairs", type=int, default=300, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--out", type=Path, metavar="PAIRS.tsv")
    arguments = parser.parse_args()
    covered, pairs = replacements(arguments.corpus, arguments.similar, arguments.seed)
    drawn = np.random.default_rng(arguments.seed).choice(len(pairs), min(arguments.pairs, len(pairs)), replace=False)
    lines = ["\t".join(pairs[i]) for i in sorted(drawn)]
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n", "utf-8")
    else:
        print("\n".join(lines))
    print(f"{covered:.1%} of the replaced Chinese words get a neighbour")


def replacements(folder: Path, table: Path, seed: int) -> tuple[float, list[tuple[str, str, str]]]:
    """(share of the replaced Chinese words with a neighbour, (word, replacement, text around it))."""
    corpus = open_corpus(folder)
    arrays, layout = corpus.read(corpus.shards[0]), Layout(corpus.special_tokens, 128, "none")
    rows = layout.rows(arrays)
    which = np.arange(min(len(rows), 2000))
    batch = assemble(arrays, rows, which, layout, rng.keys(seed, 0, which))
    random_tokens = random_tokens_of(corpus)
    similar = SimilarWords(load_table(table), corpus.tokenizer)
    masker = Masker(
        MaskingConfig(replacement="similar"), seed=seed, mask=corpus.mask, random_tokens=random_tokens, similar=similar
    )
    masked = masker(batch.tokens, batch.flags, 0, which)
    tokens, new, actions = (array.reshape(-1) for array in (batch.tokens, masked.tokens, masked.mask_action))
    first = words_of(batch.flags).first
    name = Tokenizer.from_str(corpus.tokenizer).id_to_token
    special = batch.flags.reshape(-1) >= 8

    def text(ids: np.ndarray) -> str:
        return "".join(name(int(i)).removeprefix("##") for i in ids)

    count, pairs = 0, []
    for start, following in zip(first, np.append(first[1:], len(tokens)), strict=True):
        end = start + int(np.argmax(np.append(special[start:following], True)))
        if actions[start] != REPLACED or (random_tokens.kind[tokens[start:end]] != HAN).any():
            continue
        count += 1
        if new[start] != corpus.mask:
            before, after = (
                text(tokens[slice(*side)]) for side in ((max(start - AROUND, 0), start), (end, end + AROUND))
            )
            pairs.append((text(tokens[start:end]), text(new[start:end]), f"{before}[{text(tokens[start:end])}]{after}"))
    return len(pairs) / max(count, 1), pairs


if __name__ == "__main__":
    main()
