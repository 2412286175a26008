"""What a surface stands for: under the model's folding of width and case, by type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.features.synonyms import Synonyms
from cnlu.text.normalize import Normalizer

FOLDING = Normalizer()


@pytest.mark.parametrize(
    ("said", "value"),
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
def test_synonyms_and_values_themselves_are_found_in_any_width_and_case(said: str, value: str) -> None:
    assert Synonyms({"爱疯": "iPhone", "会员": "VIP会员"}, {}, FOLDING).value(said, "product") == value


def test_case_never_matters_and_width_where_the_model_tells_it_apart() -> None:
    synonyms = Synonyms({"IPHONE": "苹果手机"}, {}, Normalizer(width=False, case=False))
    assert synonyms.value("iphone", "x") == "苹果手机"
    assert synonyms.value("ｉｐｈｏｎｅ", "x") == "ｉｐｈｏｎｅ"


def test_of_surfaces_that_fold_together_the_exact_one_counts() -> None:
    synonyms = Synonyms({"Go": "语言", "GO": "出发"}, {}, FOLDING)
    assert [synonyms.value(said, "x") for said in ("Go", "GO", "go")] == ["语言", "出发", "出发"]


def test_a_type_s_own_synonym_counts_for_it_alone_and_before_the_general_one() -> None:
    synonyms = Synonyms({"大": "巨大", "超": "特大"}, {"size": {"大": "L"}}, FOLDING)
    assert synonyms.value("大", "size") == "L"
    assert synonyms.value("大", "portion") == "巨大"
    assert synonyms.value("超", "size") == "特大"
    assert Synonyms({}, {"size": {"大": "L"}}, FOLDING).value("大", "portion") == "大"


def test_a_value_of_one_type_is_no_value_of_another() -> None:
    synonyms = Synonyms({}, {"size": {"大": "L"}}, FOLDING)
    assert (synonyms.value("l", "size"), synonyms.value("l", "letter")) == ("L", "l")


@given(st.text(), st.text(), st.text())
def test_any_text_has_a_value(said: str, surface: str, value: str) -> None:
    synonyms = Synonyms({surface: value}, {}, FOLDING)
    assert synonyms.value(said, "x") in (said, value)
    assert synonyms.value(surface, "x") == value
