"""Maps feature strings to ids; stored as a readable text file with one feature per line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cnlu.errors import ModelError
from cnlu.i18n import _


@dataclass(frozen=True)
class Vocabulary:
    """Features with their counts; ids start at 1, and 0 is for unknown features and padding."""

    ids: dict[str, int]
    counts: list[int]

    def __len__(self) -> int:
        """Number of ids, 0 included."""
        return len(self.counts) + 1

    def to_text(self) -> str:
        """One line `count<TAB>feature` for each feature, in order of ids."""
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
        """Ids [len(features), longest row], int32, of the known features, padded with 0."""
        get = self.ids.get
        rows = [[i for i in map(get, row) if i] for row in features]
        width = max(map(len, rows), default=0) or 1
        return np.array([row + [0] * (width - len(row)) for row in rows], dtype=np.int32).reshape(-1, width)

    def row(self, features: Sequence[str]) -> np.ndarray:
        """Ids of the known features, int32."""
        return np.array([i for i in map(self.ids.get, features) if i], dtype=np.int32)


@dataclass
class VocabularyBuilder:
    """Numbers and counts features as they occur, so that the examples are read once and each string is stored once."""

    provisional: dict[str, int] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)

    def add(self, features: Sequence[str]) -> list[int]:
        """Count the features; returns their provisional numbers."""
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

        Features below `min_count` are left out, then the rarest beyond `max_features`. All features of `known` are
        added, with the larger of both counts. Ids are in the order of feature names.
        """
        known_counts = dict(zip(known.ids, known.counts, strict=True)) if known else {}
        counted = [
            (-self.counts[n], feature)
            for feature, n in self.provisional.items()
            if self.counts[n] >= min_count and feature not in known_counts
        ]
        features = sorted([*known_counts, *(feature for _, feature in sorted(counted)[:max_features])])
        ids = {feature: i for i, feature in enumerate(features, 1)}
        final = np.zeros(len(self.counts), np.int32)
        numbers = {feature: number for feature, number in self.provisional.items() if feature in ids}
        for feature, number in numbers.items():
            final[number] = ids[feature]
        counts = [max(known_counts.get(f, 0), self.counts[numbers[f]] if f in numbers else 0) for f in features]
        return Vocabulary(ids, counts), final


@dataclass(frozen=True)
class Vocabularies:
    """The vocabularies of a model."""

    characters: Vocabulary
    sentence: Vocabulary
    seen_characters: str = ""
    """All characters of the training texts, including those that are too rare for a vocabulary"""
