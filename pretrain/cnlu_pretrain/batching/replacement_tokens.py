"""The tokens that random replacement draws from, for one corpus.

A random token that never occurs in the text is easy to detect, and detecting it teaches nothing. For Chinese text,
most of a BERT vocabulary consists of such tokens: with uniform draws, half of the replacements are ## pieces, and most
of the characters are rare ones. So a token is replaced by one of its own kind, drawn by its frequency in the text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from cnlu.text.bulk_segment import CHINESE, code_points, kinds_of
from cnlu_pretrain.corpus.corpus import Corpus
from cnlu_pretrain.masking.random_tokens import RandomTokens, random_tokens

HAN, WORD_START, CONTINUATION, SYMBOL = range(4)
"""Kinds of tokens: Chinese characters; other words and numbers, their first piece and the ## pieces; the rest."""
_SAMPLE = 1 << 22
"""Tokens to count: enough for every common character, and read in a fraction of a second."""


def random_tokens_of(corpus: Corpus, *mixed: Corpus, shares: Sequence[float] = (1.0,)) -> RandomTokens:
    """Replacements by kind, weighted by their counts in a sample of every shard.

    `mixed` are further corpora with the same tokenizer; `shares` are those of all corpora in the sample.
    """
    tokenizer = Tokenizer.from_str(corpus.tokenizer)
    pieces = tokenizer.get_vocab(with_added_tokens=True)
    kinds = np.full(max(corpus.vocabulary, *(i + 1 for i in pieces.values())), SYMBOL)
    for piece, i in pieces.items():
        kinds[i] = _kind(piece)
    counts = np.zeros(len(kinds), np.int64)
    for one, share in zip((corpus, *mixed), shares, strict=True):
        for shard in one.shards:
            tokens = one.read(shard).tokens[: max(1024, int(_SAMPLE * share) // len(one.shards))]
            counts += np.bincount(tokens, minlength=len(kinds))
    return random_tokens(kinds, counts, _ordinary_ids(corpus, pieces))


def _kind(piece: str) -> int:
    if piece.startswith("##"):
        return CONTINUATION
    text = piece.lstrip("▁")
    if text and (kinds_of(code_points(text)) == CHINESE).all():
        return HAN
    return WORD_START if any(ch.isalnum() for ch in text) else SYMBOL


def _ordinary_ids(corpus: Corpus, pieces: dict[str, int]) -> NDArray[np.int64]:
    """The sorted ids of ordinary tokens: no special tokens, no [unused] entries, no padding."""
    content = json.loads(corpus.tokenizer)
    special = {token["content"] for token in content.get("added_tokens") or () if token["special"]}
    special_tokens = {
        *corpus.special_tokens.before,
        *corpus.special_tokens.after,
        corpus.special_tokens.pad,
        corpus.special_tokens.unknown,
        corpus.mask,
    }
    ordinary = [
        i
        for piece, i in pieces.items()
        if i not in special_tokens and piece not in special and not piece.startswith("[unused")
    ]
    return np.array(sorted(ordinary), np.int64)
