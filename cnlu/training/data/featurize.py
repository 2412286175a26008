"""Featurize examples: one row per example; a long example has a row per window and one for its intent."""

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
from cnlu.runtime.grouping import MAX_ENTITIES
from cnlu.runtime.grouping_features import GroupFeatures, group_features
from cnlu.runtime.labels import Labels
from cnlu.text.tokens import AlignedTokenizer, Tokens
from cnlu.text.view import View, view
from cnlu.training.data.multi_intent import MultiIntentExample

Array = NDArray[Any]


class RowItems(NamedTuple):
    """The entities of types that have groups, in order, and their items."""

    spans: Array
    """int64 [n, 3]: end of the previous entity, start, end"""
    labels: Array
    """int64 [n]: 0 for no item, else the number from `ItemSet.label_ids`"""
    features: GroupFeatures


@dataclass(frozen=True, kw_only=True)
class Row:
    """The inputs and gold labels of one text or window."""

    characters: Array
    """int32 [L, F] feature ids, 0 for none"""
    sentence: Array
    """int32 [S] feature ids"""
    tags: Array
    """int64 [L]"""
    roles: Array
    """int64 [L]; IGNORE_INDEX outside entities whose type has roles"""
    intent: int
    """IGNORE_INDEX without a (known) intent, and for a window of a long text"""
    second_intent: tuple[int, ...] = ()
    """Further intents of the same sentence, for multi-intent"""
    tokens: Tokens | None = None
    """The encoder's tokens, for a model with an encoder"""
    frozen_features: tuple[Array, Array] | None = None
    """The output of a frozen encoder: float16 vectors of the characters [L, width] and the sentence [K, width]"""
    segment_intents: Array | None = None
    """int64 [L]: for multi-intent, the intent of each character; IGNORE_INDEX if unknown"""
    held_out_by: int = 0
    """Bit m is set if member m of the ensemble does not learn from the row before the refit; see `out_of_fold`"""
    items: RowItems | None = None
    """None without entities that can belong to an item"""

    def __len__(self) -> int:
        return len(self.characters)


def featurize(
    groups: Sequence[Sequence[Example]],
    extractor: Extractor,
    labels: Labels,
    config: Config,
    tokenizer: AlignedTokenizer | None = None,
    initial_vocabularies: Vocabularies | None = None,
) -> tuple[list[list[Row]], Vocabularies]:
    """The rows of each group of examples, and the vocabularies of all groups, which extend the initial ones.

    A text without characters has no row.
    """
    characters, sentence = VocabularyBuilder(), VocabularyBuilder()
    windows = []
    for number, example in ((number, example) for number, group in enumerate(groups) for example in group):
        for part, window, visible in _parts_of(example, config, tokenizer):
            features = extractor.extract(visible)
            provisional_ids = [characters.add(row) for row in features.characters]
            tokens = tokenizer.encode(visible.text) if tokenizer else None
            windows.append((number, part, window, provisional_ids, sentence.add(features.sentence), tokens))
    vocabularies, character_ids, sentence_ids = _build_vocabularies(characters, sentence, config, initial_vocabularies)
    rows: list[list[Row]] = [[] for _ in groups]
    for number, part, window, provisional_ids, sentence_id, tokens in windows:
        if provisional_ids:
            row = _row(
                example=part,
                window=window,
                characters=_remove_unknown(provisional_ids, character_ids),
                sentence=_nonzero(sentence_ids[sentence_id]),
                labels=labels,
                config=config,
                tokens=tokens,
            )
            rows[number].append(row)
    return rows, vocabularies


def _build_vocabularies(
    characters: VocabularyBuilder, sentence: VocabularyBuilder, config: Config, initial: Vocabularies | None
) -> tuple[Vocabularies, Array, Array]:
    """(The vocabularies, the final id of each provisional character feature, of each provisional sentence feature)"""
    settings = config.features
    character_vocabulary, character_ids = characters.build(
        settings.min_count, settings.max_features, initial.characters if initial else None
    )
    sentence_vocabulary, sentence_ids = sentence.build(
        settings.sentence_min_count, settings.sentence_max_features, initial.sentence if initial else None
    )
    seen_characters = {*characters_of(characters.provisional), *(initial.seen_characters if initial else "")}
    vocabularies = Vocabularies(character_vocabulary, sentence_vocabulary, "".join(sorted(seen_characters)))
    return vocabularies, character_ids, sentence_ids


def feature_ids(features: Features, vocabularies: Vocabularies) -> tuple[Array, Array]:
    """(characters [L, F], sentence [S]) feature ids of a text to parse."""
    return vocabularies.characters.rows(features.characters), vocabularies.sentence.row(features.sentence)


def plan_windows(text: str, config: Config, tokenizer: AlignedTokenizer | None) -> Plan:
    """The windows of a text under these settings."""
    return plan(text, config.training.max_length, config.training.long_intent, tokenizer.fits if tokenizer else None)


def _parts_of(
    example: Example, config: Config, tokenizer: AlignedTokenizer | None
) -> list[tuple[Example, Window, View]]:
    """The parts that become rows: the example, or the windows of a long one without intent and the text of its intent.

    The texts and offsets of the examples are those of the view.
    """
    visible = view(example.text)
    example = _in_view(example, visible)
    plan = plan_windows(visible.text, config, tokenizer)
    if not plan.intent:
        return [(example, plan.windows[0], visible)]
    parts = [
        (replace(example, intent=None), window, visible.part([(window.start, window.end)])) for window in plan.windows
    ]
    if example.intent is None:
        return parts
    intent_example = _intent_example(example, plan)
    length = len(intent_example.text)
    return [*parts, (intent_example, Window(0, length, 0, length), visible.part(plan.intent))]


def _in_view(example: Example, visible: View) -> Example:
    """The example with the text and offsets of the view; entities outside the view are dropped."""
    entities = []
    for entity in example.entities:
        start, end = visible.of_raw(entity.start, entity.end)
        if start < end:
            entities.append(replace(entity, start=start, end=end))
    if isinstance(example, MultiIntentExample):
        segment_intents = tuple((visible.of_raw(start, start)[0], intent) for start, intent in example.segment_intents)
        example = replace(example, segment_intents=segment_intents)
    return replace(example, text=visible.text, entities=tuple(entities))


def _intent_example(example: Example, plan: Plan) -> Example:
    """The text that the intent is classified from, with the entities that it contains."""
    entities, offset = [], 0
    for start, end in plan.intent:
        shift = offset - start
        entities += [
            replace(e, start=e.start + shift, end=e.end + shift)
            for e in example.entities
            if start <= e.start and e.end <= end
        ]
        offset += end - start
    return Example(plan.intent_text(example.text), example.intent, tuple(entities))


def _remove_unknown(rows: list[list[int]], final: Array) -> Array:
    """The final ids [L, F] of provisional ones, without unknown features."""
    width = max(map(len, rows))
    table = np.zeros((len(rows), width), np.int32)
    for i, row in enumerate(rows):
        table[i, : len(row)] = final[row]
    table = np.take_along_axis(table, np.argsort(table == 0, axis=1, kind="stable"), axis=1)
    return table[:, : max(1, int((table > 0).sum(axis=1).max()))]


def _nonzero(ids: Array) -> Array:
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
    entities = [
        e for e in inside if not any(e is dropped_entity for dropped_entity in dropped)
    ]  # of two equal entities, one is dropped
    intent, *second_intent = intent_ids(example.intent, labels, config.model.multi_label) or [IGNORE_INDEX]
    roles = _roles(len(characters), entities, labels)
    segment_intents = _segment_intents(example, len(characters), labels) if config.model.multi_label else None
    items = None if _has_groups_twice(example) else _items(example.text[window.start : window.end], entities, labels)
    return Row(
        characters=characters,
        sentence=sentence,
        tags=np.array(tags, np.int64),
        roles=roles,
        intent=intent,
        second_intent=tuple(second_intent),
        tokens=tokens,
        segment_intents=segment_intents,
        items=items,
    )


def _items(text: str, entities: list[Entity], labels: Labels) -> RowItems | None:
    """The items of the first MAX_ENTITIES entities; each window of a long text counts from 1 again."""
    grouped = sorted((e for e in entities if e.entity in labels.groups), key=lambda e: e.start)[:MAX_ENTITIES]
    if not grouped or labels.items is None:
        return None
    features = group_features(text, [(e.start, e.end) for e in grouped], [(e.entity, e.role) for e in grouped])
    before = [0, *(e.end for e in grouped[:-1])]
    spans = [(min(end, e.start), e.start, e.end) for end, e in zip(before, grouped, strict=True)]
    numbers = labels.items.label_ids(e.group for e in grouped)
    return RowItems(np.array(spans, np.int64), np.array(numbers, np.int64), features)


def _has_groups_twice(example: Example) -> bool:
    """Whether both halves of a synthesized example have groups, whose numbers do not agree."""
    if not isinstance(example, MultiIntentExample):
        return False
    second = example.segment_intents[-1][0]
    return len({entity.start >= second for entity in example.entities if entity.group is not None}) > 1


def intent_ids(name: str | None, labels: Labels, multi_intent: bool) -> list[int]:
    """The ids of an intent, or of the intents of a+b; empty if one of them is unknown."""
    if name is None:
        return []
    names = split_intent(name) if multi_intent else [name]
    return [labels.intents.index(part) for part in names] if all(part in labels.intents for part in names) else []


def _segment_intents(example: Example, length: int, labels: Labels) -> Array:
    """The intent id of each character; IGNORE_INDEX where it may be one of several."""
    target = np.full(length, IGNORE_INDEX, np.int64)
    if example.intent is None:
        return target
    for start, intent in example.segment_intents if isinstance(example, MultiIntentExample) else ((0, example.intent),):
        numbers = intent_ids(intent, labels, True)
        target[start:] = numbers[0] if len(numbers) == 1 else IGNORE_INDEX
    return target


def _clipped(entity: Entity, window: Window) -> Entity:
    start, end = max(entity.start, window.start) - window.start, min(entity.end, window.end) - window.start
    return Entity(start=start, end=end, entity=entity.entity, value=entity.value, role=entity.role, group=entity.group)


def _roles(length: int, entities: list[Entity], labels: Labels) -> Array:
    """The role id of each character in an entity whose type has roles, 0 for an entity without a role."""
    target = np.full(length, IGNORE_INDEX, np.int64)
    for entity in entities:
        if entity.entity in labels.roles:
            target[entity.start : entity.end] = 0 if entity.role is None else 1 + labels.role_names.index(entity.role)
    return target
