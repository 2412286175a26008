from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

from cnlu.config import Config
from cnlu.config_training import TrainingConfig
from cnlu.data.schema import Entity, Example
from cnlu.features.build import build_extractor
from cnlu.model.losses import NOTHING
from cnlu.runtime.labels import Labels
from cnlu.training.rows import Row, training_rows

CONFIG = Config(training=TrainingConfig(max_length=16))


def rows_of(*examples: Example) -> list[Row]:
    return training_rows([examples], build_extractor(CONFIG, {}, {}), Labels.collect(examples), CONFIG)[0][0]


def test_an_entity_across_a_windows_border_is_tagged_in_both() -> None:
    first, second = rows_of(Example("去" * 12 + "呼和浩特" + "去" * 12, None, (Entity(12, 18, "city", ""),)))[:2]
    assert first.tags.tolist() == [0] * 12 + [1, 2, 2, 2]
    assert second.tags.tolist()[:7] == [1, 2, 2, 2, 2, 2, 0]


def test_roles_stand_on_the_characters_of_types_that_have_them() -> None:
    spans = (Entity(0, 2, "city", "", role="to"), Entity(3, 5, "city", ""), Entity(6, 7, "day", ""))
    (row,) = rows_of(Example("北京和上海和今", None, spans))
    assert row.roles.tolist() == [1, 1, NOTHING, 0, 0, NOTHING, NOTHING]
    assert row.groups.tolist() == [NOTHING] * 7


def test_an_entity_annotated_twice_keeps_its_role() -> None:
    span = Entity(0, 2, "city", "", role="to")
    (row,) = rows_of(Example("北京", None, (span, span)))
    assert row.tags.tolist() == [1, 2] and row.roles.tolist() == [1, 1]


def test_a_text_without_an_intent_takes_no_part_in_the_intents_loss() -> None:
    assert [row.intent for row in rows_of(Example("好", "yes"), Example("嗯"), Example("不", "no"))] == [1, NOTHING, 0]
