"""Refuses a sentence-pair objective where the corpus has too few pairs to learn from."""

from __future__ import annotations

import numpy as np

from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu_pretrain.batching.rows import Layout
from cnlu_pretrain.corpus.corpus import Corpus

LEAST_PAIRS = 0.95
"""Minimum share of the rows that must hold a pair; below it, a sentence-pair objective is refused."""
_SHARDS = 8  # sampled to count pairs


def check_pairs(corpus: Corpus, layout: Layout) -> None:
    """Raises UsageError where a sentence-pair objective has too few pairs to learn from, in a sample of shards."""
    if layout.pairs == "none":
        return
    shards = [shard for shard in corpus.shards if shard.tokens]
    rows = pairs = 0
    for shard in shards[:: max(1, len(shards) // _SHARDS)]:
        document = layout.rows(corpus.read(shard)).document
        paired = document[document >= 0]
        rows += len(document)
        if layout.pairs != "nsp" or len(np.unique(paired)) > 1:  # a wrong second piece is from another document
            pairs += len(paired)
    if pairs < LEAST_PAIRS * rows:
        raise UsageError(
            "objectives.order",
            _(
                "{order} learns from two pieces of one document, which only {share} of the corpus's rows can hold",
                order=layout.pairs,
                share=f"{pairs / rows:.1%}",
            ),
            _("prepare documents of several sentences with blank lines between them, or set objectives.order=none"),
        )
