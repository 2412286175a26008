"""Which characters of a text the model reads, and their positions in it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cnlu.text.view import FINAL, view

INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u202e\ufe0f\x00\x1b\x7f\u3164"
SPACES = " \t\n\r\u00a0\u3000\u2028"
WORDS = [*"去北京３三々ァ「，：%", "New", "York", "G12", "👍", "❤\ufe0f", "e\u0301"]
PIECES = st.sampled_from([*WORDS, *FINAL, *SPACES, *INVISIBLE])
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=14).map("".join)


@given(TEXTS)
@example("a \u200b b ？")
def test_the_view_has_characters_of_the_text_in_order(text: str) -> None:
    text_view = view(text)
    assert len(text_view) == len(text_view.raw_indices) == len(text_view.text) and list(
        text_view.raw_indices
    ) == sorted(set(text_view.raw_indices))
    for ch, i in zip(text_view.text, text_view.raw_indices, strict=True):
        assert ch == text[i] or (ch == " " and text[i].isspace())


@given(TEXTS)
@example("a ?")
@example("。 。\u200b")
def test_the_view_of_a_view_is_the_same(text: str) -> None:
    text_view = view(text)
    again = view(text_view.text)
    assert (again.text, list(again.raw_indices)) == (text_view.text, list(range(len(text_view))))


@given(TEXTS, st.data())
def test_invisible_characters_change_nothing_anywhere(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    added = data.draw(st.text(INVISIBLE, min_size=1, max_size=3))
    assert view(text[:at] + added + text[at:]).text == view(text).text


@given(TEXTS, st.text(SPACES + INVISIBLE, max_size=4), st.text(SPACES + INVISIBLE, max_size=4))
def test_white_space_at_the_edges_changes_nothing(text: str, before: str, after: str) -> None:
    assert view(before + text + after).text == view(text).text


@given(st.text("去北京三カ，（", min_size=1), st.text("aé7去", min_size=1), st.text(SPACES, min_size=1, max_size=3))
def test_white_space_beside_chinese_changes_nothing(chinese: str, other: str, space: str) -> None:
    assert view(chinese + space + other + space + chinese).text == view(chinese + other + chinese).text


@given(TEXTS.filter(lambda text: not FINAL.issuperset(view(text).text)), st.text([*FINAL, " "], max_size=3))
def test_punctuation_at_the_very_end_changes_nothing(text: str, punctuation: str) -> None:
    assert view(text + punctuation).text == view(text).text


@given(TEXTS, st.data())
def test_of_raw_is_the_inverse_of_to_raw(text: str, data: st.DataObject) -> None:
    text_view = view(text)
    if len(text_view):
        start = data.draw(st.integers(0, len(text_view) - 1))
        end = data.draw(st.integers(start + 1, len(text_view)))
        first, last = text_view.to_raw(start, end)
        assert 0 <= first < last <= len(text)
        assert text_view.of_raw(first, last) == (start, end)
        part = text_view.text[start:end].strip(" ")
        assert view(text[first:last]).text == (part.rstrip(" " + "".join(FINAL)) or part)


@given(TEXTS, st.data())
def test_a_part_has_the_text_of_its_spans(text: str, data: st.DataObject) -> None:
    text_view = view(text)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text_view)), min_size=4, max_size=4)))
    spans = [(cuts[0], cuts[1]), (cuts[2], cuts[3])]
    part = text_view.part(spans)
    assert part.text == "".join(text_view.text[start:end] for start, end in spans)
    assert all(ch == part.raw[i] or part.raw[i].isspace() for ch, i in zip(part.text, part.raw_indices, strict=True))
    assert text_view.part([(0, len(text_view))]).text == text_view.text


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("退出 ", "退出"),
        ("\ufeff退\u200b出\n", "退出"),
        ("我 要 去 北 京 。", "我要去北京"),
        ("去 New  York 吧", "去New York吧"),
        ("New\r\nYork", "New York"),
        ("买 2 张", "买2张"),
        ("138 0013 8000", "138 0013 8000"),
        ("ok ?", "ok"),
        ("好吗 ？！", "好吗"),
        ("帮我\n退票", "帮我退票"),
        ("서울 가자", "서울 가자"),
        ("Ｇｏ　ｏｎ", "Ｇｏ ｏｎ"),
        ("ip\u00adhone\u200b12", "iphone12"),
        ("？", "？"),
        ("。 。。", "。。。"),
        ("1.5。", "1.5"),
        (" \u200b\ufeff\n", ""),
        ("", ""),
    ],
)
def test_the_view_of_a_text(text: str, read: str) -> None:
    assert view(text).text == read


def test_a_span_includes_the_variation_selector_of_its_last_character() -> None:
    text_view = view("我❤\ufe0f你")
    assert text_view.text == "我❤你" and text_view.to_raw(1, 2) == (1, 3) and text_view.of_raw(1, 3) == (1, 2)
