"""One value with two types or two meanings."""

from __future__ import annotations

import pytest

from tests.check.examples import Found, line_of

TWELVE = [f"去[北京](city){end}" for end in "一二三四五六七八九十甲乙"]


def test_another_type_of_a_value_with_a_usual_type_is_reported(found: Found) -> None:
    (one,) = found(["|".join(["intent: go", *TWELVE, "叫[北京](person)来"])], "conflicting-type")
    assert line_of(one) == 17
    assert "as person; in 12 other places it is city" in one.problem


def test_with_little_evidence_no_type_is_reported(found: Found) -> None:
    assert found(["|".join(["intent: go", *TWELVE[:4], "叫[北京](person)来"])], "conflicting-type") == []


def test_types_that_share_values_by_design_are_not_reported(found: Found) -> None:
    pairs = (("上海", "南京"), ("南京", "上海"), ("武汉", "武汉"))
    shared = [f"从[{city}](from)到[{other}](to)" for city, other in pairs]
    lines = [line.replace("city", "to") for line in TWELVE]
    assert found(["|".join(["intent: go", *lines, *shared, "从[北京](from)走"])], "conflicting-type") == []


def test_a_synonym_with_two_values_is_reported(found: Found) -> None:
    (one,) = found(["intent: go|去[帝都](city)", "synonym: 北京|帝都", "synonym: 东京|帝都"], "two-values")
    assert "“东京” here and for “北京”" in one.problem
    assert line_of(one) == 11


def test_an_annotated_value_that_contradicts_a_synonym_is_reported(found: Found) -> None:
    sections = ["intent: go|去[魔都](city:沪)|到[魔都](city:沪)", "synonym: 上海|魔都"]
    (one,) = found(sections, "two-values")
    assert line_of(one) == 9 and len(one.related) == 2


@pytest.mark.parametrize("other", ["IPHONE", "ｉＰｈｏｎｅ", "iphone"])
def test_surfaces_that_fold_together_with_two_values_are_reported(found: Found, other: str) -> None:
    sections = ["intent: buy|买[iPhone](product)", "synonym: 苹果手机|iPhone", f"synonym: 爱疯|{other}"]
    (one,) = found(sections, "two-values")
    assert line_of(one) == 11 and other in one.text and "written “iPhone”" in one.problem


def test_values_that_fold_together_are_reported(found: Found) -> None:
    sections = ["intent: buy|买[爱疯](product:iPhone)|卖[苹果机](product:IPHONE)"]
    (one,) = found(sections, "two-values")
    assert (one.text, line_of(one)) == ("IPHONE", 6) and "only in width or case" in one.problem


def test_a_surface_may_have_a_value_for_each_type(found: Found) -> None:
    sections = ["intent: order|来[大](size:L)杯|要[大](portion:双份)"]
    assert found(sections, "two-values") == []
    assert found(sections, "two-values", "data.synonyms=everywhere")


def test_a_value_of_one_type_is_reported_if_another_type_has_the_surface_without_a_value(found: Found) -> None:
    sections = ["intent: order|来[大](size:L)杯|要[大](portion)份"]
    (one,) = found(sections, "one-type-value")
    assert (one.severity, line_of(one)) == ("info", 6)
    assert "no value as portion here, and “L” as size" in one.problem and "`synonym: L`" in one.fix
    (one,) = found(sections, "one-type-value", "data.synonyms=everywhere")
    assert "applies to both" in one.problem


@pytest.mark.parametrize(
    "sections",
    [
        ["intent: order|来[大](size:L)杯|要[大](size)杯"],
        ["intent: order|来[大](size:L)杯|要[大](portion)份", "synonym: L|大"],
        ["intent: order|来[大](size)杯|要[大](portion)份"],
        ["intent: order|来[大](size:L)杯|要[小](portion)份"],
    ],
)
def test_no_value_is_missing_where_the_type_or_a_section_has_one(found: Found, sections: list[str]) -> None:
    assert found(sections, "one-type-value") == []


def test_a_synonym_of_one_type_is_read_from_its_section(found: Found) -> None:
    sections = ["intent: order|来[大](size)杯|要[大](portion)份|来[超](size)杯", "synonym: L|[大](size)"]
    assert len(found(sections, "one-type-value")) == 1
    assert found([*sections, "synonym: XL|[大](size)"], "two-values")
