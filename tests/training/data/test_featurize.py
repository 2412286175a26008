from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

from cnlu.config import Config, TrainingConfig
from cnlu.data.schema import Entity, Example
from cnlu.features.build_extractor import build_extractor
from cnlu.model.losses import IGNORE_INDEX
from cnlu.runtime.labels import Labels
from cnlu.training.data.featurize import Row, featurize
from cnlu.training.data.multi_intent import synthesize_multi_intent

CONFIG = Config(training=TrainingConfig(max_length=16))


def rows_of(*examples: Example) -> list[Row]:
    return featurize([examples], build_extractor(CONFIG, {}, {}), Labels.collect(examples), CONFIG)[0][0]


def test_an_entity_across_a_windows_border_is_tagged_in_both() -> None:
    first, second = rows_of(Example("去" * 12 + "呼和浩特" + "去" * 12, None, (Entity(12, 18, "city", ""),)))[:2]
    assert first.tags.tolist() == [0] * 12 + [1, 2, 2, 2]
    assert second.tags.tolist()[:7] == [1, 2, 2, 2, 2, 2, 0]


def test_roles_stand_on_the_characters_of_types_that_have_them() -> None:
    spans = (Entity(0, 2, "city", "", role="to"), Entity(3, 5, "city", ""), Entity(6, 7, "day", ""))
    (row,) = rows_of(Example("北京和上海和今", None, spans))
    assert row.roles.tolist() == [1, 1, IGNORE_INDEX, 0, 0, IGNORE_INDEX, IGNORE_INDEX]
    assert row.items is None


def orders(*groups: str | None) -> tuple[Entity, ...]:
    """Drink entities at every fourth character, one for each group."""
    return tuple(Entity(4 * i, 4 * i + 2, "drink", "", group=group) for i, group in enumerate(groups))


def test_entities_that_may_have_a_group_come_in_order() -> None:
    spans = (*orders("1", None, "2")[::-1], Entity(2, 3, "day", ""))
    items = rows_of(Example("红茶，来绿茶，来奶茶", None, spans))[0].items
    assert items is not None
    assert items.spans.tolist() == [[0, 0, 2], [2, 4, 6], [6, 8, 10]]
    assert items.labels.tolist() == [1, 0, 2]


def test_each_window_of_a_long_text_counts_items_from_the_start() -> None:
    rows = rows_of(Example("红茶，来" * 8, None, orders("1", "1", "1", "2", "2", "2", "2", "3")))
    assert [row.items.labels.tolist() for row in rows if row.items] == [[1, 1, 1, 2], [1, 1, 1, 1], [1, 1, 1, 2]]


def test_items_of_a_synthesized_pair_have_unknown_numbers() -> None:
    one = Example("红茶，来绿茶", "order", orders("1", "2"))
    other, ask = replace(one, intent="again"), Example("奶茶", "ask", orders(None))
    pairs = [pair for seed in range(9) for pair in synthesize_multi_intent([one, other, ask], 2.0, seed)]
    both = [pair for pair in pairs if pair.intent in ("order+again", "again+order")]
    half = [pair for pair in pairs if "ask" in str(pair.intent)]
    assert both and not any(row.items for row in rows_of(*both, one, other, ask)[: len(both)])
    assert half and all(row.items for row in rows_of(*half, one, other, ask)[: len(half)])


def test_an_entity_annotated_twice_keeps_its_role() -> None:
    span = Entity(0, 2, "city", "", role="to")
    (row,) = rows_of(Example("北京", None, (span, span)))
    assert row.tags.tolist() == [1, 2] and row.roles.tolist() == [1, 1]


def test_spans_refer_to_the_normalized_characters() -> None:
    spans = (Entity(1, 5, "city", "", role="to"), Entity(6, 7, "mark", ""))
    (row,) = rows_of(Example("去北\u200b京 吗？", "go", spans))
    assert row.tags.tolist() == [0, 1, 2, 0] and row.roles.tolist() == [IGNORE_INDEX, 1, 1, IGNORE_INDEX]


def test_ignored_characters_do_not_change_the_row() -> None:
    plain = Example("去北京吗", "go", (Entity(1, 3, "city", ""),))
    full = Example("去 北 京吗 ？", "go", (Entity(1, 5, "city", ""),))
    (one,), (two,) = rows_of(plain), rows_of(full)
    assert all(np.array_equal(getattr(one, name), getattr(two, name)) for name in ("characters", "sentence", "tags"))


def test_a_text_without_an_intent_is_ignored_by_the_intent_loss() -> None:
    assert [row.intent for row in rows_of(Example("好", "yes"), Example("嗯"), Example("不", "no"))] == [
        1,
        IGNORE_INDEX,
        0,
    ]
