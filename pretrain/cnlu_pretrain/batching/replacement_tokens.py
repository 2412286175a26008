"""The tokens of a vocabulary that random replacement may use."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from cnlu_pretrain.corpus.corpus import Corpus


def ordinary_ids(corpus: Corpus) -> NDArray[np.int64]:
    """The sorted ids of ordinary tokens: no special tokens, no [unused] entries, no padding."""
    tokenizer = Tokenizer.from_str(corpus.tokenizer)
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
        for piece, i in tokenizer.get_vocab(with_added_tokens=True).items()
        if i not in special_tokens and piece not in special and not piece.startswith("[unused")
    ]
    return np.array(sorted(ordinary), np.int64)
