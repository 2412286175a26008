"""Finds entries of the user's lexicon in text, for masking strategies that mask an entity as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ahocorasick_rs import AhoCorasick, MatchKind
from numpy.typing import NDArray

from cnlu.data.load import load_data
from cnlu.data.rasa_yaml import read_yaml
from cnlu.errors import DataError, UsageError
from cnlu.i18n import _
from cnlu.text.bulk_segment import CHINESE, OTHER, kinds_of

_LONGEST = 64


@dataclass(frozen=True)
class Lexicon:
    """The content of the lexicon files."""

    words: list[str]
    broken: list[str]
    """A sentence for each line that cannot be used"""


def read_lexicon(paths: Iterable[str | Path]) -> Lexicon:
    """Read the first column of .txt files (up to a tab), and the lookup tables and synonyms of NLU data.

    Raises DataError and UsageError for files that cannot be read.
    """
    words: dict[str, None] = {}
    broken: list[str] = []
    for path in map(Path, paths):
        if path.suffix.lower() in (".yml", ".yaml") or path.is_dir():
            data = load_data(path) if path.is_dir() else read_yaml(path)
            for entries in data.lookups.values():
                words.update(dict.fromkeys(entries))
            for synonyms in (data.synonyms, *data.synonyms_of.values()):
                words.update(dict.fromkeys([*synonyms, *synonyms.values()]))
            continue
        for number, raw in enumerate(_raw_lines(path), 1):
            try:
                word = raw.decode("utf-8-sig" if number == 1 else "utf-8").partition("\t")[0].strip()
            except UnicodeDecodeError:
                broken.append(f"{path}:{number}: is not valid UTF-8.")
                continue
            if not word or word.startswith("#"):
                continue
            if len(word) > _LONGEST or "\0" in word:
                broken.append(f"{path}:{number}: an entry has at most {_LONGEST} characters.")
                continue
            words[word] = None
    return Lexicon(list(words), broken)


def _raw_lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\n")
    except FileNotFoundError as error:
        raise UsageError(path, _("no such lexicon"), _("check the path")) from error
    except OSError as error:
        raise DataError(
            path, _("the lexicon cannot be read ({reason})", reason=error.strerror), _("check its permissions")
        ) from error


class SpanFinder:
    """Finds the longest non-overlapping entries from left to right, without splitting runs of letters or digits."""

    def __init__(self, words: Iterable[str]) -> None:
        entries = sorted({word for word in words if len(word) > 1})
        self._finder = AhoCorasick(entries, matchkind=MatchKind.LeftmostLongest) if entries else None

    def bounds(self, text: str, codes: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """([H] first characters, [H] one past the last) of the matches, in order."""
        matches = self._finder.find_matches_as_indexes(text) if self._finder else []
        bounds = np.array([match[1:] for match in matches], np.int64).reshape(-1, 2)
        kinds = np.concatenate([[OTHER], kinds_of(codes), [OTHER]])  # kinds[i] belongs to the character before i
        whole = np.ones(len(bounds), bool)
        for edge in bounds.T:
            whole &= (kinds[edge] != kinds[edge + 1]) | (kinds[edge] <= CHINESE)
        return bounds[whole, 0], bounds[whole, 1]
