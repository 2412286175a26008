"""How much of a text training has seen, which tells phrasing that is new to the model.

With a few dozen examples this says more of a sentence out of scope than what the network makes of the rest of it:
docs/benchmarks/small-bots.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from cnlu.features.extract import Features

_CHARACTER = "c[0]="
"""What the first feature of a character begins with"""


def characters_of(features: Iterable[str]) -> set[str]:
    """The set of characters in these feature names."""
    return {feature[len(_CHARACTER) :] for feature in features if feature.startswith(_CHARACTER)}


def _own(text: Features) -> set[str]:
    return characters_of(row[0] for row in text.characters if row)


def known_share(features: Features, known: int, seen: Container[str]) -> float:
    """0..1: the mean of two shares: `known` of the features, and those of the characters that training has seen."""
    every, characters = sum(map(len, features.characters)), _own(features)
    if not every or not characters:
        return 1.0
    return (known / every + sum(one in seen for one in characters) / len(characters)) / 2


@dataclass
class SeenFeatures:
    """The features and characters of texts, to compute for each text what the other texts cover."""

    least: int
    """Places where a feature must stand to be in the vocabulary"""
    features: Counter[str] = field(default_factory=Counter)
    characters: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, texts: Iterable[Features], least: int) -> SeenFeatures:
        found = cls(least)
        for text in texts:
            found.features.update(feature for row in text.characters for feature in row)
            found.characters.update(_own(text))
        return found

    def share_without(self, text: Features, vocabulary: Container[str]) -> float:
        """`known_share` of one of these texts, as if it were not among them."""
        own = Counter(feature for row in text.characters for feature in row)
        known = sum(
            count for one, count in own.items() if one in vocabulary and self.features[one] - count >= self.least
        )
        return known_share(text, known, {one for one in _own(text) if self.characters[one] > 1})
