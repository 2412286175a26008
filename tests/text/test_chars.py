from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.text.chars import CHAR_TYPES, LATIN, char_type, is_han

ANY_CHARACTER = st.characters(exclude_categories=())


@pytest.mark.parametrize(
    ("kind", "characters"),
    [
        ("han", "我票々𠮷㐂"),
        ("hannum", "零〇一两百千万亿萬壹"),
        ("latin", "aZéÿŁＡｚ"),
        ("digit", "09７٣"),
        ("kana", "あンｶー"),
        ("punct", "，。！?()-《》…"),
        ("space", " \t\n\u3000\u2028"),
        ("symbol", "😀$+￥℃\u200d\ufe0f"),
        ("control", "\x00\x07\x7f\u200b\ufeff"),
        ("other", "한Жא\ud800\udfff\u0301\ue000"),
    ],
)
def test_characters_have_their_type(kind, characters):
    assert {ch: char_type(ch) for ch in characters} == dict.fromkeys(characters, kind)


@pytest.fixture(scope="module")
def types():
    return {ch: char_type(ch) for ch in map(chr, range(0x110000))}


def test_every_code_point_has_a_type(types):
    assert set(types.values()) == set(CHAR_TYPES)


@given(ANY_CHARACTER)
def test_is_han_is_true_for_chinese_characters_and_numerals(ch):
    assert is_han(ch) == (char_type(ch) in ("han", "hannum"))


def test_the_latin_regex_matches_the_characters_of_type_latin(types):
    assert re.findall(f"[{LATIN}]", "".join(types)) == [ch for ch, kind in types.items() if kind == "latin"]
