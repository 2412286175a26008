"""Spans mean what the tool meant, or are refused with the example's place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.convert.result import CHARACTERS, UTF16, Result, Span
from tests.convert.files import FACES


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@given(st.text("去北京😀𠮷a ", min_size=1), st.data())
def test_either_way_of_counting_finds_the_same_words(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    found = []
    for way, bounds in ((CHARACTERS, (start, end)), (UTF16, (units(text[:start]), units(text[:end])))):
        result = Result()
        result.add("f:1", text, None, [Span(*bounds, "x")], way)
        found.append((result.data.examples, bool(result.skipped)))
    assert found[0] == found[1] and found[0][1] == (not text.strip())
    for one in found[0][0]:
        assert one.text[one.entities[0].start : one.entities[0].end] == text[start:end]


def lost(*spans: Span, text: str = FACES, way: str = CHARACTERS, offsets: str | None = None) -> str:
    result = Result(offsets)
    result.add("f:7", text, "a", spans, way)
    return "".join(result.skipped)


def test_the_words_beside_the_offsets_tell_how_they_count() -> None:
    for way in (CHARACTERS, UTF16):
        assert not lost(Span(3, 5, "city", surface="北京"), way=way) and not lost(
            Span(5, 7, "city", surface="北京"), way=way
        )
    assert lost(Span(5, 7, "city", surface="北京"), offsets=CHARACTERS)


@pytest.mark.parametrize(
    ("spans", "said"),
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
def test_a_span_that_cannot_be_is_named(spans: list[Span], said: str) -> None:
    sentence = lost(*spans)
    assert sentence.startswith("f:7: not converted: ") and said in sentence


def test_half_of_a_surrogate_pair_is_no_place() -> None:
    assert "does not lie" in lost(Span(1, 6, "a"), way=UTF16)


def test_the_same_annotation_twice_is_one() -> None:
    assert not lost(Span(3, 5, "a"), Span(3, 5, "a"))


def test_white_space_around_a_text_goes_and_the_spans_move_along() -> None:
    result = Result()
    result.add("f:1", " \u3000去北京 \n", "a", [Span(3, 5, "city")])
    result.add("f:2", " 去", "a", [Span(0, 1, "blank")])
    (first, second), left_out = result.data.examples, result.ignored
    assert (first.text, first.entities[0].start) == ("去北京", 1) and sum(left_out.values()) == 1
    assert second.text == " 去"


def test_many_annotations_of_a_long_line_take_no_longer_each() -> None:
    result = Result()
    result.add("f:1", "😀京" * 30_000, None, [Span(3 * i, 3 * i + 2, "face") for i in range(30_000)], UTF16)
    assert len(result.data.examples[0].entities) == 30_000
