"""Measures how much of a text training has seen, to recognize phrasing that is new to the model.

With a few dozen examples this recognizes out-of-scope sentences better than the network's scores do:
docs/benchmarks/small-bots.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from cnlu.features.extract import Features

_CHARACTER = "c[0]="
"""Prefix of the first feature of a character"""


def characters_of(features: Iterable[str]) -> set[str]:
    """The set of characters in these feature names."""
    return {feature[len(_CHARACTER) :] for feature in features if feature.startswith(_CHARACTER)}


def _characters_of_text(text: Features) -> set[str]:
    return characters_of(row[0] for row in text.characters if row)


def known_share(features: Features, known_count: int, seen: Container[str]) -> float:
    """The mean of two shares, 0..1: known features (`known_count`) and characters that are in `seen`."""
    total, characters = sum(map(len, features.characters)), _characters_of_text(features)
    if not total or not characters:
        return 1.0
    return (known_count / total + sum(character in seen for character in characters) / len(characters)) / 2


@dataclass
class SeenFeatures:
    """The features and characters of texts, to compute how much of each text the others cover."""

    min_count: int
    """Occurrences that a feature needs to be in the vocabulary"""
    features: Counter[str] = field(default_factory=Counter)
    characters: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, texts: Iterable[Features], min_count: int) -> SeenFeatures:
        seen = cls(min_count)
        for text in texts:
            seen.features.update(feature for row in text.characters for feature in row)
            seen.characters.update(_characters_of_text(text))
        return seen

    def share_without(self, text: Features, vocabulary: Container[str]) -> float:
        """`known_share` of one of these texts if it were not among them."""
        own = Counter(feature for row in text.characters for feature in row)
        known_count = sum(
            count
            for feature, count in own.items()
            if feature in vocabulary and self.features[feature] - count >= self.min_count
        )
        seen = {character for character in _characters_of_text(text) if self.characters[character] > 1}
        return known_share(text, known_count, seen)
