"""Examples to arrays: one row for each example; for a long one, a row for each window and one for its intent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnlu.config import Config
from cnlu.data.multi_intent import split_intent
from cnlu.data.schema import Entity, Example
from cnlu.features.coverage import characters_of
from cnlu.features.extract import Extractor, Features
from cnlu.features.vocabulary import Vocabularies, VocabularyBuilder
from cnlu.features.windows import Plan, Window, plan
from cnlu.model.losses import IGNORE_INDEX
from cnlu.runtime.grouping import MAX_ENTITIES, GroupFeatures, group_features
from cnlu.runtime.labels import Labels
from cnlu.text.tokens import AlignedTokenizer, Tokens
from cnlu.text.view import View, view
from cnlu.training.data.multi_intent import MultiIntentExample

Array = NDArray[Any]


class RowItems(NamedTuple):
    """The entities of types that have groups, in order, and what they belong to."""

    spans: Array
    """int64 [n, 3]: end of the one before, start, end"""
    labels: Array
    """int64 [n]: 0 for none, else as ItemSet.label_ids gives them"""
    features: GroupFeatures


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
    """int64 [L]; IGNORE_INDEX outside entities whose type has roles"""
    intent: int
    """IGNORE_INDEX where no (known) intent is annotated, and for a part of a long text"""
    second_intent: tuple[int, ...] = ()
    """Further intents of the same sentence, where a model gives several"""
    tokens: Tokens | None = None
    """The encoder's, for a model with one"""
    frozen_features: tuple[Array, Array] | None = None
    """What a frozen encoder said: float16 vectors of the characters [L, width] and of the sentence [K, width]"""
    segment_intents: Array | None = None
    """int64 [L]: where a model gives several, the intent that each character belongs to; IGNORE_INDEX where unknown"""
    held_out_by: int = 0
    """Bit m is set while member m of the ensemble does not learn from it: see training.folds"""
    items: RowItems | None = None
    """Where there are entities that could belong to one"""

    def __len__(self) -> int:
        return len(self.characters)


def featurize(
    groups: Sequence[Sequence[Example]],
    extractor: Extractor,
    labels: Labels,
    config: Config,
    tokenizer: AlignedTokenizer | None = None,
    known: Vocabularies | None = None,
) -> tuple[list[list[Row]], Vocabularies]:
    """Rows of each group of examples, and the vocabularies that all make, beside `known` ones.

    Texts without characters give no row.
    """
    characters, sentence = VocabularyBuilder(), VocabularyBuilder()
    met = []
    for number, example in ((number, example) for number, group in enumerate(groups) for example in group):
        for part, window, seen in _parts_of(example, config, tokenizer):
            features = extractor.extract(seen)
            numbers = [characters.add(row) for row in features.characters]
            tokens = tokenizer.read(seen.text) if tokenizer else None
            met.append((number, part, window, numbers, sentence.add(features.sentence), tokens))
    settings = config.features
    character_vocabulary, character_ids = characters.build(
        settings.min_count, settings.max_features, known.characters if known else None
    )
    sentence_vocabulary, sentence_ids = sentence.build(
        settings.sentence_min_count, settings.sentence_max_features, known.sentence if known else None
    )
    rows: list[list[Row]] = [[] for _ in groups]
    for number, part, window, numbers, whole, tokens in met:
        if numbers:
            ids = _known_first(numbers, character_ids), _known(sentence_ids[whole])
            rows[number].append(_row(part, window, *ids, labels, config, tokens))
    all_met = {*characters_of(characters.provisional), *(known.met if known else "")}
    return rows, Vocabularies(character_vocabulary, sentence_vocabulary, "".join(sorted(all_met)))


def feature_ids(features: Features, vocabularies: Vocabularies) -> tuple[Array, Array]:
    """(characters [L, F], sentence [S]) of a text to parse."""
    return vocabularies.characters.rows(features.characters), vocabularies.sentence.row(features.sentence)


def plan_windows(text: str, config: Config, tokenizer: AlignedTokenizer | None) -> Plan:
    """How what is read of a text is divided under these settings."""
    return plan(text, config.training.max_length, config.training.long_intent, tokenizer.fits if tokenizer else None)


def _parts_of(
    example: Example, config: Config, tokenizer: AlignedTokenizer | None
) -> list[tuple[Example, Window, View]]:
    """What rows are made of: the example, or windows of a long one without their intent and what tells its intent.

    The examples' texts and offsets are those of the view.
    """
    seen = view(example.text)
    example = _as_read(example, seen)
    found = plan_windows(seen.text, config, tokenizer)
    if not found.intent:
        return [(example, found.windows[0], seen)]
    parts = [
        (replace(example, intent=None), window, seen.part([(window.start, window.end)])) for window in found.windows
    ]
    if example.intent is None:
        return parts
    whole = _joined(example, found)
    return [*parts, (whole, Window(0, len(whole.text), 0, len(whole.text)), seen.part(found.intent))]


def _as_read(example: Example, seen: View) -> Example:
    """With offsets within the view; a span loses what is not read at its edges, and goes where nothing is left."""
    entities = []
    for entity in example.entities:
        start, end = seen.of_raw(entity.start, entity.end)
        if start < end:
            entities.append(replace(entity, start=start, end=end))
    if isinstance(example, MultiIntentExample):
        segment_intents = tuple((seen.of_raw(start, start)[0], intent) for start, intent in example.segment_intents)
        example = replace(example, segment_intents=segment_intents)
    return replace(example, text=seen.text, entities=tuple(entities))


def _joined(example: Example, found: Plan) -> Example:
    """The text that the intent is read from, with the entities that lie in it whole."""
    entities, offset = [], 0
    for start, end in found.intent:
        shift = offset - start
        entities += [
            replace(e, start=e.start + shift, end=e.end + shift)
            for e in example.entities
            if start <= e.start and e.end <= end
        ]
        offset += end - start
    return Example(found.intent_text(example.text), example.intent, tuple(entities))


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
    example: Example,
    window: Window,
    characters: Array,
    sentence: Array,
    labels: Labels,
    config: Config,
    tokens: Tokens | None,
) -> Row:
    inside = [_clipped(e, window) for e in example.entities if e.start < window.end and e.end > window.start]
    tags, dropped = labels.tag_set(config.model.tagging).encode(len(characters), inside)
    kept = [e for e in inside if not any(e is lost for lost in dropped)]  # of two equal ones, one is lost
    intent, *second_intent = intent_ids(example.intent, labels, config.model.multi_label) or [IGNORE_INDEX]
    roles = _roles(len(characters), kept, labels)
    segment_intents = _segment_intents(example, len(characters), labels) if config.model.multi_label else None
    items = None if _twice(example) else _items(example.text[window.start : window.end], kept, labels)
    return Row(
        characters,
        sentence,
        np.array(tags, np.int64),
        roles,
        intent,
        tuple(second_intent),
        tokens,
        segment_intents=segment_intents,
        items=items,
    )


def _items(text: str, entities: list[Entity], labels: Labels) -> RowItems | None:
    """Of as many entities as are decided together. In a window of a long text counting begins anew."""
    found = sorted((e for e in entities if e.entity in labels.groups), key=lambda e: e.start)[:MAX_ENTITIES]
    if not found or labels.items is None:
        return None
    given = group_features(text, [(e.start, e.end) for e in found], [(e.entity, e.role) for e in found])
    before = [0, *(e.end for e in found[:-1])]
    spans = [(min(end, e.start), e.start, e.end) for end, e in zip(before, found, strict=True)]
    numbers = labels.items.label_ids(e.group for e in found)
    return RowItems(np.array(spans, np.int64), np.array(numbers, np.int64), given)


def _twice(example: Example) -> bool:
    """Whether two examples are joined that both have groups: which item of one is which of the other nobody knows."""
    if not isinstance(example, MultiIntentExample):
        return False
    second = example.segment_intents[-1][0]
    return len({entity.start >= second for entity in example.entities if entity.group is not None}) > 1


def intent_ids(name: str | None, labels: Labels, multi_intent: bool) -> list[int]:
    """The numbers of an intent's label, or of those of a+b; none where one of them is unknown."""
    named = [] if name is None else split_intent(name) if multi_intent else [name]
    return [labels.intents.index(part) for part in named] if all(part in labels.intents for part in named) else []


def _segment_intents(example: Example, length: int, labels: Labels) -> Array:
    """Per character the number of the intent that it asks for; IGNORE_INDEX where of several nobody knows which."""
    target = np.full(length, IGNORE_INDEX, np.int64)
    if example.intent is None:
        return target
    for start, intent in example.segment_intents if isinstance(example, MultiIntentExample) else ((0, example.intent),):
        numbers = intent_ids(intent, labels, True)
        target[start:] = numbers[0] if len(numbers) == 1 else IGNORE_INDEX
    return target


def _clipped(entity: Entity, window: Window) -> Entity:
    start, end = max(entity.start, window.start) - window.start, min(entity.end, window.end) - window.start
    return Entity(start, end, entity.entity, entity.value, entity.role, entity.group)


def _roles(length: int, entities: list[Entity], labels: Labels) -> Array:
    """Per character the number of its entity's role, 0 for an entity without one."""
    target = np.full(length, IGNORE_INDEX, np.int64)
    for entity in entities:
        if entity.entity in labels.roles:
            target[entity.start : entity.end] = 0 if entity.role is None else 1 + labels.role_names.index(entity.role)
    return target
