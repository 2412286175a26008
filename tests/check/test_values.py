"""One value with two types or two meanings."""

from __future__ import annotations

from tests.check.conftest import Found, line_of

TWELVE = [f"去[北京](city){end}" for end in "一二三四五六七八九十甲乙"]


def test_another_type_of_a_settled_value(found: Found) -> None:
    (one,) = found(["|".join(["intent: go", *TWELVE, "叫[北京](person)来"])], "rare-type")
    assert line_of(one) == 17
    assert "as person, which is city in 12 other places" in one.problem


def test_with_little_evidence_no_type_is_odd(found: Found) -> None:
    assert found(["|".join(["intent: go", *TWELVE[:4], "叫[北京](person)来"])], "rare-type") == []


def test_types_that_share_values_by_design_are_left_in_peace(found: Found) -> None:
    pairs = (("上海", "南京"), ("南京", "上海"), ("武汉", "武汉"))
    shared = [f"从[{city}](from)到[{other}](to)" for city, other in pairs]
    lines = [line.replace("city", "to") for line in TWELVE]
    assert found(["|".join(["intent: go", *lines, *shared, "从[北京](from)走"])], "rare-type") == []


def test_a_synonym_of_two_values(found: Found) -> None:
    (one,) = found(["intent: go|去[帝都](city)", "synonym: 北京|帝都", "synonym: 东京|帝都"], "two-values")
    assert "“东京” here and for “北京”" in one.problem
    assert line_of(one) == 11


def test_an_annotated_value_against_a_synonym(found: Found) -> None:
    sections = ["intent: go|去[魔都](city:沪)|到[魔都](city:沪)", "synonym: 上海|魔都"]
    (one,) = found(sections, "two-values")
    assert line_of(one) == 9 and len(one.related) == 2
