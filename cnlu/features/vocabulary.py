"""Feature strings to numbers: a text file that a person can read, one feature a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cnlu.errors import ModelError
from cnlu.i18n import _


@dataclass(frozen=True)
class Vocabulary:
    """Features with their counts; ids start at 1, 0 means "unknown" and "nothing here"."""

    ids: dict[str, int]
    counts: list[int]

    def __len__(self) -> int:
        """Number of ids, 0 included."""
        return len(self.counts) + 1

    def to_text(self) -> str:
        """`count<TAB>feature` a line, in order of ids."""
        return "".join(f"{count}\t{feature}\n" for feature, count in zip(self.ids, self.counts, strict=True))

    @classmethod
    def from_text(cls, text: str, name: str) -> Vocabulary:
        ids, counts = {}, []
        for number, line in enumerate(text.split("\n")[:-1], 1):
            count, tab, feature = line.partition("\t")
            if not tab or not count.isdigit():
                raise ModelError(f"{name}:{number}", _("not 'count<TAB>feature'"), _("train the model again"))
            ids[feature] = number
            counts.append(int(count))
        return cls(ids, counts)

    def rows(self, features: Sequence[Sequence[str]]) -> np.ndarray:
        """Ids [len(features), widest row], int32, known ones first, filled up with 0."""
        get = self.ids.get
        found = [[i for i in map(get, row) if i] for row in features]
        width = max(map(len, found), default=0) or 1
        return np.array([row + [0] * (width - len(row)) for row in found], dtype=np.int32).reshape(-1, width)

    def row(self, features: Sequence[str]) -> np.ndarray:
        """Ids of the known ones among `features`, int32."""
        return np.array([i for i in map(self.ids.get, features) if i], dtype=np.int32)


@dataclass
class VocabularyBuilder:
    """Numbers and counts features as they occur, so that a corpus is read once and each string is kept once."""

    provisional: dict[str, int] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)

    def add(self, features: Sequence[str]) -> list[int]:
        """Provisional numbers of `features`, each counted once more."""
        numbers = []
        for feature in features:
            number = self.provisional.setdefault(feature, len(self.counts))
            if number == len(self.counts):
                self.counts.append(0)
            self.counts[number] += 1
            numbers.append(number)
        return numbers

    def build(
        self, min_count: int, max_features: int, known: Vocabulary | None = None
    ) -> tuple[Vocabulary, np.ndarray]:
        """The vocabulary of the most frequent features, and the map from provisional numbers to its ids.

        Features below `min_count` are left out, then the rarest beyond `max_features`. All `known` ones stay beside
        them, with the larger of both counts. Ids go by feature name.
        """
        before = dict(zip(known.ids, known.counts, strict=True)) if known else {}
        counted = [
            (-self.counts[n], feature)
            for feature, n in self.provisional.items()
            if self.counts[n] >= min_count and feature not in before
        ]
        kept = sorted([*before, *(feature for _, feature in sorted(counted)[:max_features])])
        ids = {feature: i for i, feature in enumerate(kept, 1)}
        final = np.zeros(len(self.counts), np.int32)
        numbers = {feature: number for feature, number in self.provisional.items() if feature in ids}
        for feature, number in numbers.items():
            final[number] = ids[feature]
        counts = [max(before.get(f, 0), self.counts[numbers[f]] if f in numbers else 0) for f in kept]
        return Vocabulary(ids, counts), final


@dataclass(frozen=True)
class Vocabularies:
    characters: Vocabulary
    sentence: Vocabulary
    seen_characters: str = ""
    """All characters of the texts, including those that occur in one text only and are in no vocabulary"""
