"""The canonical value of a surface: folding of width and case, and synonyms of one type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.features.synonyms import Synonyms
from cnlu.text.normalize import Normalizer

FOLDING = Normalizer()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("爱疯", "iPhone"),
        ("IPHONE", "iPhone"),
        ("ｉｐｈｏｎｅ", "iPhone"),
        ("会员", "VIP会员"),
        ("vip会员", "VIP会员"),
        ("ＶＩＰ会员", "VIP会员"),
        ("安卓", "安卓"),
        ("", ""),
    ],
)
def test_synonyms_and_values_match_in_any_width_and_case(text: str, value: str) -> None:
    assert Synonyms({"爱疯": "iPhone", "会员": "VIP会员"}, {}, FOLDING).value(text, "product") == value


def test_case_is_always_folded_and_width_only_if_the_model_folds_it() -> None:
    synonyms = Synonyms({"IPHONE": "苹果手机"}, {}, Normalizer(width=False, case=False))
    assert synonyms.value("iphone", "x") == "苹果手机"
    assert synonyms.value("ｉｐｈｏｎｅ", "x") == "ｉｐｈｏｎｅ"


def test_an_exact_surface_comes_before_one_that_is_equal_after_folding() -> None:
    synonyms = Synonyms({"Go": "语言", "GO": "出发"}, {}, FOLDING)
    assert [synonyms.value(text, "x") for text in ("Go", "GO", "go")] == ["语言", "出发", "出发"]


def test_a_synonym_of_a_type_applies_to_that_type_only_and_comes_before_the_general_one() -> None:
    synonyms = Synonyms({"大": "巨大", "超": "特大"}, {"size": {"大": "L"}}, FOLDING)
    assert synonyms.value("大", "size") == "L"
    assert synonyms.value("大", "portion") == "巨大"
    assert synonyms.value("超", "size") == "特大"
    assert Synonyms({}, {"size": {"大": "L"}}, FOLDING).value("大", "portion") == "大"


def test_the_values_of_a_type_do_not_apply_to_others() -> None:
    synonyms = Synonyms({}, {"size": {"大": "L"}}, FOLDING)
    assert (synonyms.value("l", "size"), synonyms.value("l", "letter")) == ("L", "l")


@given(st.text(), st.text(), st.text())
def test_any_text_has_a_value(text: str, surface: str, value: str) -> None:
    synonyms = Synonyms({surface: value}, {}, FOLDING)
    assert synonyms.value(text, "x") in (text, value)
    assert synonyms.value(surface, "x") == value
