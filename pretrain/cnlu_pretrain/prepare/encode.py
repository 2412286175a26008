"""The lines of a block to arrays: sentences, words, tokens, hits of the lexicon."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cnlu.text.bulk_segment import BulkSegmenter, code_points
from cnlu.text.segment import Segmenter
from cnlu_pretrain.config import PrepareConfig
from cnlu_pretrain.corpus.shards import SPAN, SPAN_START, WORD, Arrays
from cnlu_pretrain.prepare.bulk_tokenize import BulkTokenizer
from cnlu_pretrain.prepare.clean import DUPLICATE, KEPT, NEAR_DUPLICATE, REASONS, reasons
from cnlu_pretrain.prepare.lexicon_matches import SpanFinder
from cnlu_pretrain.prepare.lines import read_lines
from cnlu_pretrain.prepare.sources import Block

UNIT = 16
"""Sentences of a document that are held out together, or not."""
SHOWN = 3
"""Lines of each reason for leaving out that the manifest shows."""

_SENTENCE = re.compile(r"[。！？!?…；;]+[”’』」）)》\"']*")


@dataclass
class Encoded:
    """What became of a block."""

    train: Arrays
    held_out: Arrays
    lines: int = 0
    characters: int = 0
    """Of the lines kept"""
    unknown: int = 0
    """Tokens [UNK]"""
    dropped: Counter[str] = field(default_factory=Counter)
    shown: dict[str, list[str]] = field(default_factory=dict)


Item = tuple[int, Block, "NDArray[np.bool_] | None", "NDArray[np.bool_] | None"]
"""What `Encoder.encode` takes."""


class Encoder:
    """Turns blocks into arrays; each process has one."""

    def __init__(self, tokenizer: str, unknown: int | None, words: list[str], config: PrepareConfig) -> None:
        self.config = config
        self._tokens = BulkTokenizer(tokenizer)
        self._unknown = unknown
        self._words = BulkSegmenter(Segmenter(words, config.segmenter))
        self._spans = SpanFinder(words)

    def encode(
        self, number: int, block: Block, exact: NDArray[np.bool_] | None, near: NDArray[np.bool_] | None
    ) -> Encoded:
        """`number` of the block; `exact` and `near` [L]: which of its lines repeat others, None where not asked.

        Raises DataError for what cannot be read.
        """
        lines = read_lines(block)
        why = reasons(lines.texts, self.config)
        for repeats, reason in ((near, NEAR_DUPLICATE), (exact, DUPLICATE)):
            if repeats is not None:
                why[(why == KEPT) & repeats] = reason
        kept = np.flatnonzero(why == KEPT)
        found = Encoded(*self._arrays(number, [lines.texts[i] for i in kept], np.searchsorted(kept, lines.ends)))
        found.lines = len(lines.texts)
        found.characters = sum(len(lines.texts[i]) for i in kept)
        found.unknown = sum(int((part.tokens == self._unknown).sum()) for part in (found.train, found.held_out))
        for reason in np.unique(why[why != KEPT]).tolist():
            which = np.flatnonzero(why == reason)
            found.dropped[REASONS[reason]] = len(which)
            found.shown[REASONS[reason]] = [lines.texts[i][:80] for i in which[:SHOWN]]
        return found

    def _arrays(self, number: int, texts: list[str], ends: NDArray[np.int64]) -> tuple[Arrays, Arrays]:
        """(those to train on, those held out) of the texts, where documents end before the texts `ends`."""
        text = "".join(line + "\n" for line in texts)
        codes = code_points(text)
        ids, places = self._tokens.read(text, codes)
        flags = self._flags(text, codes, places)
        lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
        line_ends = np.cumsum(lengths)
        bounds = self._sentence_ends(text, line_ends)
        document_ends = np.unique(np.append(np.append(0, line_ends)[ends], len(codes)))
        per_sentence = np.diff(np.searchsorted(places, np.append(0, bounds)))
        document = np.searchsorted(document_ends, bounds, "left")[per_sentence > 0]
        sentences = per_sentence[per_sentence > 0]
        return _divided(ids, flags, sentences, document, self._held_out(number, document))

    def _flags(self, text: str, codes: NDArray[np.uint32], places: NDArray[np.int64]) -> NDArray[np.uint8]:
        word = np.cumsum(self._words.starts(text, codes))[places]
        flags = np.zeros(len(places), np.uint8)
        flags[np.diff(word, prepend=0) != 0] |= WORD
        starts, ends = self._spans.bounds(text, codes)
        first, last = np.searchsorted(places, starts), np.searchsorted(places, ends)
        inside = np.zeros(len(places) + 1, np.int64)
        np.add.at(inside, first[first < last], 1)
        np.add.at(inside, last[first < last], -1)
        flags[np.cumsum(inside[:-1]) > 0] |= SPAN
        flags[first[first < last]] |= SPAN_START
        return flags

    def _sentence_ends(self, text: str, line_ends: NDArray[np.int64]) -> NDArray[np.int64]:
        """One past the last character of each sentence."""
        if not self.config.split_sentences:
            return line_ends
        special_tokens = np.array([mark.end() for mark in _SENTENCE.finditer(text)], np.int64)
        return np.unique(np.append(special_tokens[_within_lines(special_tokens, line_ends)], line_ends))

    def _held_out(self, number: int, document: NDArray[np.int64]) -> NDArray[np.bool_]:
        """[S] which sentences: every n-th unit of UNIT sentences of one document, from a start of the block's own."""
        share = self.config.held_out
        if not share or not len(document):
            return np.zeros(len(document), bool)
        starts = np.flatnonzero(np.diff(document, prepend=-1))
        within = np.arange(len(document)) - np.repeat(starts, np.diff(np.append(starts, len(document))))
        unit = np.cumsum((within % UNIT) == 0) - 1
        phase = np.random.default_rng([self.config.seed, number]).random() * (1 - share)
        return np.floor((unit + 1) * share + phase) != np.floor(unit * share + phase)


def encode(encoder: Encoder, item: Item) -> Encoded:
    """For `in_order`: in this module, which a process of its own imports quickly."""
    return encoder.encode(*item)


def _within_lines(special_tokens: NDArray[np.int64], line_ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """[M] which marks do not stand right before the end of a line, where its line break would be left alone."""
    return ~np.isin(special_tokens + 1, line_ends)


def _divided(
    ids: NDArray[np.int64],
    flags: NDArray[np.uint8],
    sentences: NDArray[np.int64],
    document: NDArray[np.int64],
    held_out: NDArray[np.bool_],
) -> tuple[Arrays, Arrays]:
    of_token = np.repeat(held_out, sentences)
    changes = (np.diff(document, prepend=-1) != 0) | (np.diff(held_out, prepend=False) != 0)
    document = np.cumsum(changes)  # what stands on both sides of a gap is not one document
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
