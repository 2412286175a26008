"""Which characters of a text are read, and where they stand in it."""

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
def test_what_is_read_stands_in_the_text_in_order(text: str) -> None:
    seen = view(text)
    assert len(seen) == len(seen.at) == len(seen.text) and list(seen.at) == sorted(set(seen.at))
    for ch, i in zip(seen.text, seen.at, strict=True):
        assert ch == text[i] or (ch == " " and text[i].isspace())


@given(TEXTS)
@example("a ?")
@example("。 。\u200b")
def test_what_is_read_is_read_as_it_stands(text: str) -> None:
    seen = view(text)
    again = view(seen.text)
    assert (again.text, list(again.at)) == (seen.text, list(range(len(seen))))


@given(TEXTS, st.data())
def test_invisible_characters_change_nothing_wherever_they_stand(text: str, data: st.DataObject) -> None:
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
def test_punctuation_at_the_very_end_changes_nothing(text: str, marks: str) -> None:
    assert view(text + marks).text == view(text).text


@given(TEXTS, st.data())
def test_a_span_comes_back_from_the_raw_text(text: str, data: st.DataObject) -> None:
    seen = view(text)
    if len(seen):
        start = data.draw(st.integers(0, len(seen) - 1))
        end = data.draw(st.integers(start + 1, len(seen)))
        first, last = seen.to_raw(start, end)
        assert 0 <= first < last <= len(text)
        assert seen.of_raw(first, last) == (start, end)
        assert view(text[first:last]).text in (seen.text[start:end], seen.text[start:end].strip(" " + "".join(FINAL)))


@given(TEXTS, st.data())
def test_parts_are_slices_whose_raw_text_reads_alike(text: str, data: st.DataObject) -> None:
    seen = view(text)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(seen)), min_size=4, max_size=4)))
    spans = [(cuts[0], cuts[1]), (cuts[2], cuts[3])]
    part = seen.part(spans)
    assert part.text == "".join(seen.text[start:end] for start, end in spans)
    assert all(ch == part.raw[i] or part.raw[i].isspace() for ch, i in zip(part.text, part.at, strict=True))
    assert seen.part([(0, len(seen))]).text == seen.text


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
def test_what_is_read_of_a_text(text: str, read: str) -> None:
    assert view(text).text == read


def test_a_span_takes_along_what_changes_the_look_of_its_last_character() -> None:
    seen = view("我❤\ufe0f你")
    assert seen.text == "我❤你" and seen.to_raw(1, 2) == (1, 3) and seen.of_raw(1, 3) == (1, 2)
