"""The time for a line is proportional to its length, whatever its annotations."""

from __future__ import annotations

import time

import pytest

from tests.check.examples import Found

MANY = 8_000


@pytest.mark.parametrize(
    "line",
    [
        "[京](city)去" * MANY,
        "[帝都](city:北京)北京" * MANY,
        "[a](letter)" * MANY,
        "x" * 8_000 + "[a](letter)" + "[b](letter)x" * MANY,
        "京" * MANY + "[京](city)，" * MANY,
    ],
    ids=["types", "values", "letters", "one word", "bare"],
)
def test_thousands_of_annotations_in_one_line(found: Found, line: str) -> None:
    began = time.process_time()
    found([f"intent: go|{line}|{line}去|你好"])
    assert time.process_time() - began < 6  # about half a second; quadratic rules took minutes at 20,000


def test_findings_about_a_long_line_are_short(found: Found) -> None:
    line = "[京](city)去" * 1000
    (one,) = found([f"intent: go|{line}|{line.replace('](city)', '](town)')}"], "two-annotations")
    assert len(one.problem) < 500 and "and 995 more" in one.problem
