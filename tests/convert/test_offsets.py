"""Spans are converted to characters, or their example is skipped with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.convert.result import CHARACTERS, UTF16, Result, Span
from tests.convert.files import FACES


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@given(st.text("去北京😀𠮷a ", min_size=1), st.data())
def test_offsets_in_either_unit_give_the_same_span(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    results = []
    for unit, bounds in ((CHARACTERS, (start, end)), (UTF16, (units(text[:start]), units(text[:end])))):
        result = Result()
        result.add("f:1", text, None, [Span(*bounds, "x")], unit)
        results.append((result.data.examples, bool(result.skipped)))
    assert results[0] == results[1] and results[0][1] == (not text.strip())
    for example in results[0][0]:
        assert example.text[example.entities[0].start : example.entities[0].end] == text[start:end]


def skipped_reason(*spans: Span, text: str = FACES, unit: str = CHARACTERS, offsets: str | None = None) -> str:
    result = Result(offsets)
    result.add("f:7", text, "a", spans, unit)
    return "".join(result.skipped)


def test_the_surface_decides_the_unit_of_the_offsets() -> None:
    for unit in (CHARACTERS, UTF16):
        assert not skipped_reason(Span(3, 5, "city", surface="北京"), unit=unit) and not skipped_reason(
            Span(5, 7, "city", surface="北京"), unit=unit
        )
    assert skipped_reason(Span(5, 7, "city", surface="北京"), offsets=CHARACTERS)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([Span(3, 99, "city")], "does not lie in the text of 7 characters"),
        ([Span(-1, 2, "city")], "does not lie in the text"),
        ([Span(4, 4, "city")], "does not lie in the text"),
        ([Span(5, 3, "city")], "does not lie in the text"),
        ([Span(3, 4, "city", surface="北京")], "the end seems to be inclusive"),
        ([Span(4, 6, "city", surface="北京")], "seem to count from 1"),
        ([Span(6, 8, "verb", surface="订票")], "characters; offsets seem to count from 1"),
        ([Span(0, 2, "city", surface="北京")], "covers “😀😀”, but the file says “北京”"),
        ([Span(2, 5, "a"), Span(3, 5, "b")], "“去北京” (“a”) and “北京” (“b”) overlap"),
        ([Span(3, 5, "a"), Span(3, 5, "b")], "overlap"),
        ([Span(3, 5, "")], "has no type"),
        ([Span("3", 5, "a")], "not a whole number"),  # type: ignore[arg-type]
        ([Span(True, 5, "a")], "not a whole number"),
        ([Span(3.0, 5, "a")], "not a whole number"),  # type: ignore[arg-type]
    ],
)
def test_the_reason_names_an_invalid_span(spans: list[Span], expected: str) -> None:
    sentence = skipped_reason(*spans)
    assert sentence.startswith("f:7: not converted: ") and expected in sentence


def test_an_offset_inside_a_surrogate_pair_is_refused() -> None:
    assert "does not lie" in skipped_reason(Span(1, 6, "a"), unit=UTF16)


def test_a_repeated_annotation_becomes_one_entity() -> None:
    assert not skipped_reason(Span(3, 5, "a"), Span(3, 5, "a"))


def test_white_space_around_a_text_is_removed_and_the_spans_move() -> None:
    result = Result()
    result.add("f:1", " \u3000去北京 \n", "a", [Span(3, 5, "city")])
    result.add("f:2", " 去", "a", [Span(0, 1, "blank")])
    (first, second), left_out = result.data.examples, result.ignored
    assert (first.text, first.entities[0].start) == ("去北京", 1) and sum(left_out.values()) == 1
    assert second.text == " 去"


def test_many_annotations_of_a_long_line_are_converted_in_linear_time() -> None:
    result = Result()
    result.add("f:1", "😀京" * 30_000, None, [Span(3 * i, 3 * i + 2, "face") for i in range(30_000)], UTF16)
    assert len(result.data.examples[0].entities) == 30_000
