"""Finds lines that share text with files to exclude, such as test sets, so that no encoder is trained on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnlu.data.load import load_data
from cnlu.errors import DataError
from cnlu.i18n import _
from cnlu.text.bulk_segment import OTHER, code_points, kinds_of
from cnlu_pretrain.prepare.lines import read_lines
from cnlu_pretrain.prepare.sources import blocks, expand

_YAML = (".yml", ".yaml")
_FACTOR = 0x9E3779B97F4A7C15
"""An odd multiplier with evenly spread bits: 2^64 divided by the golden ratio."""


@dataclass(frozen=True)
class Exclusion:
    """The n-grams of the excluded text."""

    keys: NDArray[np.uint64]
    """[K] sorted hashes"""
    ngram: int

    def overlaps(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """[L] whether a line shares an n-gram with the excluded text, or is as a whole one of its shorter lines.

        Case, punctuation and spaces do not count, as in the decontamination of GPT-3 (arXiv 2005.14165, appendix C).
        """
        result = np.zeros(len(texts), bool)
        if len(self.keys) and len(texts):
            keys, lines = ngram_keys(texts, self.ngram)
            places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
            result[lines[self.keys[places] == keys]] = True
        return result


def read_exclusion(paths: Sequence[str | Path], ngram: int) -> Exclusion:
    """Read text, JSONL with a "text" in each record, or NLU data in YAML.

    Raises UsageError and DataError for files that cannot be read or hold no text.
    """
    found = [np.zeros(0, np.uint64)]
    for path in paths:
        keys = [ngram_keys(texts, ngram)[0] for texts in _texts(Path(path))]
        if not sum(map(len, keys)):
            raise DataError(path, _("holds no text to exclude"), _("name the file of a test set"))
        found += keys
    return Exclusion(np.unique(np.concatenate(found)), ngram)


def ngram_keys(texts: Sequence[str], ngram: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """([K] hashes of all character n-grams, [K] their lines); a shorter line has one hash, of the whole line."""
    codes = code_points("".join(text.lower() + "\n" for text in texts))
    line = np.cumsum(codes == ord("\n")) - (codes == ord("\n"))
    counted = kinds_of(codes) != OTHER
    values, line = codes[counted].astype(np.uint64), line[counted]
    with np.errstate(over="ignore"):
        values = (values + np.uint64(1)) * np.uint64(_FACTOR)
        values ^= values >> np.uint64(29)
        hashes, power = np.zeros(len(values), np.uint64), 1
        for offset in range(min(ngram, len(values))):
            same = line[offset:] == line[: len(line) - offset]
            hashes[: len(values) - offset] += values[offset:] * np.uint64(power) * same
            power = power * _FACTOR % (1 << 64)
    starts = np.flatnonzero(np.diff(line, prepend=-1))
    sizes = np.diff(np.append(starts, len(line)))
    within = np.arange(len(line)) - np.repeat(starts, sizes)
    whole = within <= np.repeat(np.maximum(sizes - ngram, 0), sizes)
    return hashes[whole], line[whole]


def _texts(path: Path) -> Iterator[list[str]]:
    if path.suffix.lower() in _YAML or (path.is_dir() and any(f.suffix.lower() in _YAML for f in path.rglob("*"))):
        yield [example.text for example in load_data(path).examples]
        return
    for block in blocks(expand([path])):
        yield read_lines(block).texts
