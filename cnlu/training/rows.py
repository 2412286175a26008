"""Examples to arrays: one row for each example, or for each window of a long one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnlu.config import Config
from cnlu.data.schema import Entity, Example
from cnlu.features.extract import Extractor, Features
from cnlu.features.vocabulary import Vocabulary, VocabularyBuilder
from cnlu.features.windows import Window, windows
from cnlu.model.losses import NOTHING
from cnlu.runtime.labels import Labels

Array = NDArray[Any]


@dataclass(frozen=True)
class Row:
    """What the network reads of one text (or window) and what it should answer."""

    characters: Array
    """int32 [L, F], 0 for none"""
    sentence: Array
    """int32 [S]"""
    tags: Array
    """int64 [L]"""
    roles: Array
    """int64 [L]; NOTHING outside entities whose type has roles"""
    groups: Array
    """int64 [L]"""
    intent: int
    """NOTHING where no (known) intent is annotated"""

    def __len__(self) -> int:
        return len(self.characters)


@dataclass(frozen=True)
class Vocabularies:
    characters: Vocabulary
    sentence: Vocabulary


def training_rows(
    examples: Sequence[Example], extractor: Extractor, labels: Labels, config: Config
) -> tuple[list[Row], Vocabularies]:
    """Rows of the training examples, and the vocabularies they make. Texts without characters give no row."""
    characters, sentence = VocabularyBuilder(), VocabularyBuilder()
    met = []
    for example in examples:
        for window in windows(len(example.text), config.training.max_length):
            features = extractor.extract(example.text[window.start : window.end])
            numbers = [characters.add(row) for row in features.characters]
            met.append((example, window, numbers, sentence.add(features.sentence)))
    character_vocabulary, character_ids = characters.build(config.features.min_count, config.features.max_features)
    sentence_vocabulary, sentence_ids = sentence.build(
        config.features.sentence_min_count, config.features.sentence_max_features
    )
    rows = [
        _row(
            example, window, _known_first(numbers, character_ids), _known(sentence_ids[whole]), labels, config
        )
        for example, window, numbers, whole in met
        if numbers
    ]
    return rows, Vocabularies(character_vocabulary, sentence_vocabulary)


def reading_row(features: Features, vocabularies: Vocabularies) -> tuple[Array, Array]:
    """(characters [L, F], sentence [S]) of a text to parse."""
    return vocabularies.characters.rows(features.characters), vocabularies.sentence.row(features.sentence)


def _known_first(rows: list[list[int]], final: Array) -> Array:
    width = max(map(len, rows))
    table = np.zeros((len(rows), width), np.int32)
    for i, row in enumerate(rows):
        table[i, : len(row)] = final[row]
    table = np.take_along_axis(table, np.argsort(table == 0, axis=1, kind="stable"), axis=1)
    return table[:, : max(1, int((table > 0).sum(axis=1).max()))]


def _known(ids: Array) -> Array:
    return ids[ids > 0]


def _row(
    example: Example, window: Window, characters: Array, sentence: Array, labels: Labels, config: Config
) -> Row:
    inside = [_clipped(e, window) for e in example.entities if e.start < window.end and e.end > window.start]
    tags, dropped = labels.tag_set(config.model.tagging).encode(len(characters), inside)
    kept = [e for e in inside if not any(e is lost for lost in dropped)]  # of two equal ones, one is lost
    intent = labels.intents.index(example.intent) if example.intent in labels.intents else NOTHING
    roles = _parts(len(characters), kept, "role", labels.role_names, labels.roles)
    groups = _parts(len(characters), kept, "group", labels.group_names, labels.groups)
    return Row(characters, sentence, np.array(tags, np.int64), roles, groups, intent)


def _clipped(entity: Entity, window: Window) -> Entity:
    start, end = max(entity.start, window.start) - window.start, min(entity.end, window.end) - window.start
    return Entity(start, end, entity.entity, entity.value, entity.role, entity.group)


def _parts(
    length: int, entities: list[Entity], part: str, names: list[str], allowed: dict[str, list[str]]
) -> Array:
    """Per character the number of its entity's role (or group), 0 for an entity without one."""
    target = np.full(length, NOTHING, np.int64)
    for entity in entities:
        if entity.entity in allowed:
            name = getattr(entity, part)
            target[entity.start : entity.end] = 0 if name is None else 1 + names.index(name)
    return target
