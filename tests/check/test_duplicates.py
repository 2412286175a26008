"""Texts that occur more than once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.check.examples import Found, jsonl, line_of


def test_a_text_with_two_intents_is_reported_with_both_places(found: Found) -> None:
    (one,) = found(["intent: refund|退票", "intent: change|改签|退票"], "two-intents")
    assert line_of(one) == 9
    assert one.severity == "error"
    assert "“change” here and “refund”" in one.problem
    assert [place.source.rpartition(":")[2] for place in one.related] == ["5"]


@pytest.mark.parametrize("again", ["订 G12", "订　ｇ１２", "订  g12 "])
def test_texts_that_differ_in_width_case_or_runs_of_spaces_are_the_same(found: Found, again: str) -> None:
    assert found(["intent: a|订 g12", f"intent: b|{again}"], "two-intents")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("退票", "退票。"),
        ("退票", "退票啊"),
        ("嗯，退票", "退票"),
        ("退 票", "退票"),
        ("可以退票", "可以退票？"),
    ],
)
def test_texts_that_differ_only_in_punctuation_or_particles_are_a_warning(found: Found, one: str, other: str) -> None:
    seen = found([f"intent: a|{one}", f"intent: b|{other}"])
    assert [(finding.code, finding.severity) for finding in seen] == [("near-duplicate-two-intents", "warning")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("在吗？退票", "在吗，退票"),
        ("有票", "有票吗"),
        ("付", "付了"),
        ("啊", "嗯"),
    ],
)
def test_a_question_is_another_sentence(found: Found, one: str, other: str) -> None:
    assert found([f"intent: a|{one}", f"intent: b|{other}"]) == []


def test_one_text_annotated_in_two_ways(found: Found) -> None:
    (one,) = found(["intent: go|去[北京](city)|去北京|去[北京](city)"], "two-annotations")
    assert line_of(one) == 6
    assert "nothing here and as [北京](city)" in one.problem


@pytest.mark.parametrize(
    "other",
    [
        '去[北京]{"entity": "city", "role": "to"}',
        '去[北京]{"entity": "city", "group": "1"}',
        "[去北京](city)",
        "去[北京](place)",
    ],
)
def test_role_group_span_type_and_value_are_parts_of_an_annotation(found: Found, other: str) -> None:
    assert found([f"intent: go|去[北京](city)|{other}"], "two-annotations")


def test_a_synonym_and_an_annotated_value_say_the_same(found: Found) -> None:
    sections = ["intent: go|去[魔都](city)|去[魔都](city:上海)", "synonym: 上海|魔都"]
    assert [one.code for one in found(sections)] == ["duplicate"]


def test_spaces_do_not_move_an_annotation(found: Found) -> None:
    assert found(["intent: go|去  [北京](city)|去 [北京](city)"], "two-annotations") == []


def test_repeats_are_one_finding_with_every_place(found: Found) -> None:
    (one,) = found(["intent: a|退票|退票|退票|改签"], "duplicate")
    assert len(one.related) == 2
    assert "3 times" in one.problem


def test_examples_without_an_intent_contradict_no_intent(found: Found) -> None:
    records: list[dict[str, Any]] = [{"text": "退票", "intent": None}, {"text": "退票", "intent": "refund"}]
    assert found(jsonl(*records), "two-intents") == []
