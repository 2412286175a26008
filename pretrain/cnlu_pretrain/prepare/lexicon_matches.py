"""Where a text holds entries of the user's lexicon, for masks that hide a phrase or an entity as a whole."""

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
from cnlu.text.bulk_segment import CHINESE, OTHER, kinds_of

_LONGEST = 64


@dataclass(frozen=True)
class Entries:
    """A lexicon as it was read."""

    words: list[str]
    broken: list[str]
    """One sentence for each line that could not be used."""


def read_lexicon(paths: Iterable[str | Path]) -> Entries:
    """Of .txt files the first column (up to a tab), an entry a line; of NLU data the lookup tables and synonyms.

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
                broken.append(f"{path}:{number}: is no entry, which has at most {_LONGEST} characters.")
                continue
            words[word] = None
    return Entries(list(words), broken)


def _raw_lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\n")
    except FileNotFoundError as error:
        raise UsageError(f"{path}: there is no such lexicon; check the path.") from error
    except OSError as error:
        raise DataError(f"{path}: the lexicon cannot be read ({error.strerror}); check it.") from error


class SpanFinder:
    """Finds the longest entries from left to right, none over another; runs of letters and digits are not cut."""

    def __init__(self, words: Iterable[str]) -> None:
        found = sorted({word for word in words if len(word) > 1})
        self._finder = AhoCorasick(found, matchkind=MatchKind.LeftmostLongest) if found else None

    def bounds(self, text: str, codes: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """([H] first characters, [H] one past the last) of the hits, in order."""
        hits = self._finder.find_matches_as_indexes(text) if self._finder else []
        found = np.array([hit[1:] for hit in hits], np.int64).reshape(-1, 2)
        kinds = np.concatenate([[OTHER], kinds_of(codes), [OTHER]])  # kinds[i] is of the character before i
        whole = np.ones(len(found), bool)
        for edge in found.T:
            whole &= (kinds[edge] != kinds[edge + 1]) | (kinds[edge] <= CHINESE)
        return found[whole, 0], found[whole, 1]
