"""Encodes the lines of a block as arrays: tokens, word starts, lexicon matches, sentences, documents."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import KW_ONLY, dataclass, field

import numpy as np
from numpy.typing import NDArray

from cnlu.text.bulk_segment import BulkSegmenter, code_points
from cnlu.text.segment import Segmenter
from cnlu_pretrain.config import PrepareConfig
from cnlu_pretrain.corpus.shards import SPAN, SPAN_START, WORD, Arrays
from cnlu_pretrain.prepare.bulk_tokenize import BulkTokenizer
from cnlu_pretrain.prepare.clean import DUPLICATE, EXCLUDED, KEPT, NEAR_DUPLICATE, REASONS, reasons
from cnlu_pretrain.prepare.exclusion import Exclusion
from cnlu_pretrain.prepare.lexicon_matches import SpanFinder
from cnlu_pretrain.prepare.lines import read_lines
from cnlu_pretrain.prepare.sources import Block

UNIT = 16
"""Consecutive sentences of a document that are held out together."""
SHOWN = 3
"""Example lines in the manifest for each reason to leave lines out."""

_SENTENCE = re.compile(r"[。！？!?…；;]+[”’』」）)》\"']*")


@dataclass
class Encoded:
    """An encoded block."""

    train: Arrays
    held_out: Arrays
    _: KW_ONLY
    lines: int = 0
    characters: int = 0
    """Characters of the kept lines"""
    unknown: int = 0
    """Number of [UNK] tokens"""
    dropped: Counter[str] = field(default_factory=Counter)
    dropped_examples: dict[str, list[str]] = field(default_factory=dict)


Item = tuple[int, Block, "NDArray[np.bool_] | None", "NDArray[np.bool_] | None"]
"""The arguments of `LineEncoder.encode`."""


class LineEncoder:
    """Turns blocks into arrays; each process has one."""

    def __init__(
        self, tokenizer: str, unknown: int | None, words: list[str], exclusion: Exclusion, config: PrepareConfig
    ) -> None:
        self.config = config
        self._exclusion = exclusion
        self._tokens = BulkTokenizer(tokenizer)
        self._unknown = unknown
        self._words = BulkSegmenter(Segmenter(words, config.segmenter))
        self._spans = SpanFinder(words)

    def encode(
        self, number: int, block: Block, exact: NDArray[np.bool_] | None, near: NDArray[np.bool_] | None
    ) -> Encoded:
        """Encode block `number`; `exact` and `near` [L] say which of its lines repeat others (None: not scanned for).

        Raises DataError for text that cannot be read.
        """
        lines = read_lines(block)
        why = reasons(lines.texts, self.config)
        why[(why == KEPT) & self._exclusion.overlaps(lines.texts)] = EXCLUDED
        for repeats, reason in ((near, NEAR_DUPLICATE), (exact, DUPLICATE)):
            if repeats is not None:
                why[(why == KEPT) & repeats] = reason
        kept = np.flatnonzero(why == KEPT)
        encoded = Encoded(*self._arrays(number, [lines.texts[i] for i in kept], np.searchsorted(kept, lines.ends)))
        encoded.lines = len(lines.texts)
        encoded.characters = sum(len(lines.texts[i]) for i in kept)
        encoded.unknown = sum(int((part.tokens == self._unknown).sum()) for part in (encoded.train, encoded.held_out))
        for reason in np.unique(why[why != KEPT]).tolist():
            which = np.flatnonzero(why == reason)
            encoded.dropped[REASONS[reason]] = len(which)
            encoded.dropped_examples[REASONS[reason]] = [lines.texts[i][:80] for i in which[:SHOWN]]
        return encoded

    def _arrays(self, number: int, texts: list[str], ends: NDArray[np.int64]) -> tuple[Arrays, Arrays]:
        """(training arrays, held-out arrays) of the texts; documents end before the texts `ends`."""
        text = "".join(line + "\n" for line in texts)
        codes = code_points(text)
        ids, positions = self._tokens.read(text, codes)
        flags = self._flags(text, codes, positions)
        lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
        line_ends = np.cumsum(lengths)
        bounds = self._sentence_ends(text, line_ends)
        document_ends = np.unique(np.append(np.append(0, line_ends)[ends], len(codes)))
        per_sentence = np.diff(np.searchsorted(positions, np.append(0, bounds)))
        document = np.searchsorted(document_ends, bounds, "left")[per_sentence > 0]
        sentences = per_sentence[per_sentence > 0]
        return _split(ids, flags, sentences, document, self._held_out(number, document))

    def _flags(self, text: str, codes: NDArray[np.uint32], positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        word = np.cumsum(self._words.starts(text, codes))[positions]
        flags = np.zeros(len(positions), np.uint8)
        flags[np.diff(word, prepend=0) != 0] |= WORD
        starts, ends = self._spans.bounds(text, codes)
        first, last = np.searchsorted(positions, starts), np.searchsorted(positions, ends)
        inside = np.zeros(len(positions) + 1, np.int64)
        np.add.at(inside, first[first < last], 1)
        np.add.at(inside, last[first < last], -1)
        flags[np.cumsum(inside[:-1]) > 0] |= SPAN
        flags[first[first < last]] |= SPAN_START
        return flags

    def _sentence_ends(self, text: str, line_ends: NDArray[np.int64]) -> NDArray[np.int64]:
        """[S] one past the last character of each sentence."""
        if not self.config.split_sentences:
            return line_ends
        ends = np.array([match.end() for match in _SENTENCE.finditer(text)], np.int64)
        within = ~np.isin(ends + 1, line_ends)  # at the end of a line, the line break belongs to the sentence
        return np.unique(np.append(ends[within], line_ends))

    def _held_out(self, number: int, document: NDArray[np.int64]) -> NDArray[np.bool_]:
        """[S] which sentences are held out: every n-th unit of UNIT sentences of a document, from a random start."""
        share = self.config.held_out
        if not share or not len(document):
            return np.zeros(len(document), bool)
        starts = np.flatnonzero(np.diff(document, prepend=-1))
        within = np.arange(len(document)) - np.repeat(starts, np.diff(np.append(starts, len(document))))
        unit = np.cumsum((within % UNIT) == 0) - 1
        phase = np.random.default_rng([self.config.seed, number]).random() * (1 - share)
        return np.floor((unit + 1) * share + phase) != np.floor(unit * share + phase)


def encode(encoder: LineEncoder, item: Item) -> Encoded:
    """The task of `in_order`: picklable, and in a module that a worker process imports quickly."""
    return encoder.encode(*item)


def _split(
    ids: NDArray[np.int64],
    flags: NDArray[np.uint8],
    sentences: NDArray[np.int64],
    document: NDArray[np.int64],
    held_out: NDArray[np.bool_],
) -> tuple[Arrays, Arrays]:
    """(training arrays, held-out arrays); `document`, `held_out` [S]."""
    of_token = np.repeat(held_out, sentences)
    changes = (np.diff(document, prepend=-1) != 0) | (np.diff(held_out, prepend=False) != 0)
    document = np.cumsum(changes)  # a gap splits a document in two
    parts = []
    for chosen, tokens in ((~held_out, ~of_token), (held_out, of_token)):
        _, counts = np.unique(document[chosen], return_counts=True)
        parts.append(
            Arrays(
                ids[tokens].astype(np.uint32),
                flags[tokens],
                sentences[chosen].astype(np.uint32),
                counts.astype(np.uint32),
            )
        )
    return parts[0], parts[1]
