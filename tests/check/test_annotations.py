"""Spans that overlap, lie next to their value, or need trimming."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.check.annotations import _misplaced, _overlaps, _partial_word, _untrimmed
from cnlu.check.corpus import Line, coverage
from cnlu.data.schema import Entity, Example
from tests.check.examples import Found, jsonl


def record(text: str, *spans: tuple[int, int], value: str | None = None) -> str:
    entities: list[dict[str, Any]] = [{"start": start, "end": end, "entity": "x"} for start, end in spans]
    if value is not None:
        entities[0]["value"] = value
    return jsonl({"text": text, "intent": "a", "entities": entities})


@pytest.mark.parametrize("spans", [[(1, 3), (2, 3)], [(1, 3), (1, 3)], [(0, 3), (1, 2)], [(0, 2), (1, 3)]])
def test_overlapping_entities(found: Found, spans: list[tuple[int, int]]) -> None:
    (one,) = found(record("去北京", *spans), "overlapping-entities")
    assert one.severity == "error"


def test_neighbours_do_not_overlap(found: Found) -> None:
    assert found(record("北京上海", (0, 2), (2, 4))) == []


@pytest.mark.parametrize(
    ("text", "span", "value", "said"),
    [
        ("去北京吧", (0, 2), "北京", "has the value “北京” at 1-3"),
        ("去北京西站吧", (1, 3), "北京西站", "at 1-5"),
        ("😀😀去北京看看", (5, 7), "北京", "UTF-16"),
        ("a去北京看看啊啊啊啊", (4, 10), "北京", "bytes"),
    ],
)
def test_a_span_next_to_its_value_is_reported(
    found: Found, text: str, span: tuple[int, int], value: str, said: str
) -> None:
    (one,) = found(record(text, span, value=value), "misplaced-span")
    assert said in one.problem


@pytest.mark.parametrize(
    ("text", "span", "value"),
    [
        ("去魔都", (1, 3), "上海"),
        ("去北京市", (1, 4), "北京"),
        ("上海就是魔都", (4, 6), "上海"),
        ("去北京", (1, 3), "北京"),
    ],
)
def test_a_canonical_value_is_not_a_finding(found: Found, text: str, span: tuple[int, int], value: str) -> None:
    assert found(record(text, span, value=value), "misplaced-span") == []


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("北京 ", "北京"),
        ("，北京", "北京"),
        ("《红豆", "红豆"),
        ("红豆》。", "红豆"),
    ],
)
def test_untrimmed_spans_are_reported_with_the_trimmed_text(found: Found, written: str, kept: str) -> None:
    (one,) = found(record(f"去{written}啊", (1, 1 + len(written))), "untrimmed-span")
    start = 1 + written.index(kept)
    assert f"“{kept}” at {start}-{start + len(kept)}" in one.fix


@pytest.mark.parametrize("written", ["《红豆》", "C++", "100%", "(一)", "A.B."])
def test_matching_brackets_and_symbols_belong_to_a_name(found: Found, written: str) -> None:
    assert found(record(f"听{written}吧", (1, 1 + len(written)))) == []


@pytest.mark.parametrize(
    ("text", "span", "whole"),
    [("坐13号线", (2, 5), "13号线"), ("G1234次", (0, 3), "G1234"), ("找iPhone", (2, 7), "iPhone")],
)
def test_a_span_that_cuts_a_number_or_word_is_reported(
    found: Found, text: str, span: tuple[int, int], whole: str
) -> None:
    (one,) = found(record(text, span), "partial-word-span")
    assert f"a part of “{whole}”" in one.problem


def test_two_values_typed_without_a_space_cut_nothing(found: Found) -> None:
    assert found(record("看CCTV74月15号", (1, 6), (6, 11)), "partial-word-span") == []


@given(st.text(min_size=1, max_size=12), st.data())
def test_whatever_the_span_the_fix_lies_inside_the_text(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    value = data.draw(st.one_of(st.just(text[start:end]), st.text(max_size=4)))
    entity = Entity(start, end, "x", value)
    example = Example(text, "a", (entity,), metadata=None, source="f:1")
    for one in (
        *_misplaced(example, entity),
        *_untrimmed(example, entity),
        *_partial_word(example, entity, coverage(example)),
    ):
        assert one.source == "f:1" and one.text == text
    assert list(_overlaps(Line(example, text, text))) == []
