"""Text for a terminal has no control characters and aligned columns."""

from __future__ import annotations

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.shell.terminal import aligned, can_show, visible, wants_colour, width


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("abc", 3),
        ("拿铁", 4),
        ("，", 2),
        ("Ａ", 2),
        ("ﾊﾞ", 2),
        ("e\u0301", 1),
        ("😀", 2),
        ("👍🏽", 2),
        ("👨‍👩‍👧", 2),
        ("❤️", 2),
        ("❤", 1),
        ("🇨🇳", 2),
        ("1️⃣", 2),
        ("去😀北京", 8),
        ("a\u200db", 2),
    ],
)
def test_a_text_is_as_wide_as_terminals_draw_it(text: str, columns: int) -> None:
    assert width(text) == columns


@given(st.text(st.characters()))
def test_nothing_shown_steers_a_terminal(text: str) -> None:
    steering = [ch for ch in visible(text) if unicodedata.category(ch) in ("Cc", "Cs", "Zl", "Zp")]
    assert not steering and not set(visible(text)) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200e\u200f")


def test_user_text_is_shown_as_written() -> None:
    for text in ("来两杯拿铁，半糖！", "👨‍👩‍👧❤️", "全角\u3000空格", "繁體 かな 한글 ñ"):
        assert visible(text) == text


def test_columns_are_aligned_and_empty_ones_left_out() -> None:
    lines = aligned([("两杯", "", "count", "1"), ("A012", "", "order_no", "22"), ("❤️", "", "x", "3")])
    assert lines == ["两杯  count     1", "A012  order_no  22", "❤️    x         3"]
    assert aligned([]) == []


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_is_the_user_s_choice(environment: dict[str, str], wanted: bool) -> None:
    assert wants_colour(Terminal(), environment) == wanted
    assert not wants_colour(io.StringIO(), environment)


def test_an_encoding_without_blocks_is_noticed() -> None:
    assert can_show("█▏", io.TextIOWrapper(io.BytesIO(), "utf-8"))
    assert not can_show("█▏", io.TextIOWrapper(io.BytesIO(), "latin-1"))
