"""Extracts sparse features as readable strings, for every character of the view and for the sentence.

A feature is `template=value`; `c[-1:1]=去北` means that the previous character and this one are 去北. Training and
parsing share this code, so they cannot disagree. The functions below list all templates.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from cnlu.config import FeatureConfig
from cnlu.features.lexicon import Lexicon, Match
from cnlu.text.chars import char_type
from cnlu.text.normalize import Normalized, Normalizer
from cnlu.text.segment import Segmenter
from cnlu.text.view import View

START, END = "␂", "␃"  # placeholders before the first and after the last character
_SYMBOLS = {"Cc": "␀", "Cf": "␀", "Zs": "␣", "Zl": "␤", "Zp": "␤", "Cs": "␀", "Cn": "␀", "Co": "␀"}


@dataclass(frozen=True)
class Features:
    """Features of one text."""

    characters: list[list[str]]
    """One list per character of the view."""
    sentence: list[str]
    """Without repeats, in order of first appearance."""


@dataclass(frozen=True)
class Extractor:
    """Turns views of texts into feature strings."""

    config: FeatureConfig
    normalizer: Normalizer
    segmenter: Segmenter
    lexicon: Lexicon

    def extract(self, text_view: View) -> Features:
        normalized = self.normalizer.normalize(text_view.text)
        pieces = [_visible(piece) for piece in normalized.pieces]
        rows = _ngrams(pieces)
        _add_types(rows, normalized.pieces)
        words: list[str] = []
        if self.config.words:
            words = self._add_words(rows, normalized)
        if self.config.pinyin != "off":
            self._add_pinyin(rows, normalized.pieces)
        if self.config.lexicon != "off":
            for match in self.lexicon.matches(normalized, text_view):
                _add_match(rows, match.start, match.end, match.kind, match.name)
        return Features(rows, self._sentence(pieces, words))

    def hits(self, text_view: View) -> list[Match]:
        """The dictionary matches that become entities: none unless `features.lexicon` is `extractor`."""
        return self.matches(text_view) if self.config.lexicon == "extractor" else []

    def matches(self, text_view: View) -> list[Match]:
        """The dictionary matches, with offsets in the view."""
        return self.lexicon.matches(self.normalizer.normalize(text_view.text), text_view)

    def _add_words(self, rows: list[list[str]], normalized: Normalized) -> list[str]:
        """Adds a character's word, its position in it (BMES), the word's length and neighbours; returns the words."""
        spans = self.segmenter.spans(normalized.text)
        words = [_visible(normalized.text[start:end]) for start, end in spans]
        last = -1  # a raw character that belongs to two words (as in ½) counts for the first
        for k, (start, end) in enumerate(spans):
            first, stop = normalized.to_raw(start, end)
            before = words[k - 1] if k else START
            after = words[k + 1] if k + 1 < len(words) else END
            size, word = min(stop - first, 5), words[k]
            around = (f"len={size}", f"w[-1]={before}", f"w[1]={after}")
            for i in range(max(first, last + 1), stop):
                place = "S" if stop - first == 1 else "B" if i == first else "E" if i == stop - 1 else "M"
                rows[i].append(f"w.{place}={word}")
                rows[i].append(place + around[0])
                rows[i] += around[1:]
            last = stop - 1
        return words

    def _add_pinyin(self, rows: list[list[str]], pieces: list[str]) -> None:
        from cnlu.features.pinyin import pinyin_of

        fuzzy = self.config.pinyin == "fuzzy"
        syllables = [START, *(pinyin_of(piece, fuzzy) or "-" for piece in pieces), END]
        for i, row in enumerate(rows):
            middle = syllables[i + 1]
            row += [f"py[0]={middle}", f"py[-1:1]={syllables[i]}'{middle}", f"py[0:2]={middle}'{syllables[i + 2]}"]

    def _sentence(self, pieces: list[str], words: list[str]) -> list[str]:
        """Character n-grams (with the sentence's ends) of length 1 to `sentence_ngram`, words, a length class."""
        padded = [START, *pieces, END]
        features = {f"size={min(len(pieces) // 3, 8)}": None}
        for n in range(1, self.config.sentence_ngram + 1):
            for i in range(len(padded) - n + 1):
                features[f"{n}gram={''.join(padded[i : i + n])}"] = None
        for word in words:
            features[f"word={word}"] = None
        return list(features)


def _ngrams(pieces: list[str]) -> list[list[str]]:
    """For each character: the characters within three positions of it, and the bigrams and trigrams around it."""
    p = [START, START, START, *pieces, END, END, END]
    rows = []
    for i in range(3, len(p) - 3):
        a, b, c, d, e = p[i - 2], p[i - 1], p[i], p[i + 1], p[i + 2]
        rows.append(
            [
                f"c[0]={c}",
                f"c[-1]={b}",
                f"c[1]={d}",
                f"c[-2]={a}",
                f"c[2]={e}",
                f"c[-3]={p[i - 3]}",
                f"c[3]={p[i + 3]}",
                f"c[-1:1]={b}{c}",
                f"c[0:2]={c}{d}",
                f"c[-2:0]={a}{b}",
                f"c[1:3]={d}{e}",
                f"c[-1:2]={b}{c}{d}",
                f"c[-2:1]={a}{b}{c}",
                f"c[0:3]={c}{d}{e}",
            ]
        )
    return rows


def _add_types(rows: list[list[str]], pieces: list[str]) -> None:
    types = [START, *(char_type(piece[0]) for piece in pieces), END]
    for i, row in enumerate(rows):
        row += [f"t[0]={types[i + 1]}", f"t[-1:2]={types[i]},{types[i + 1]},{types[i + 2]}"]


def _add_match(rows: list[list[str]], start: int, end: int, kind: str, name: str) -> None:
    """Adds the name of a match, and the position in it, to its characters."""
    name = _visible(name)
    for i in range(start, end):
        place = "S" if end - start == 1 else "B" if i == start else "E" if i == end - 1 else "I"
        feature = f"{kind}.{place}={name}"
        if feature not in rows[i]:
            rows[i].append(feature)


@lru_cache(maxsize=65536)
def _visible(piece: str) -> str:
    """Replaces spaces, line breaks and controls by visible symbols: a vocabulary has one feature per line."""
    if piece.isprintable() and not piece.isspace() and " " not in piece:
        return piece
    return "".join(_SYMBOLS.get(unicodedata.category(ch), ch) for ch in piece)
