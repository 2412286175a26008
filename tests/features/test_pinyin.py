from __future__ import annotations

import sys

import pytest

from cnlu.errors import UsageError
from cnlu.features import pinyin
from cnlu.features.pinyin import pinyin_of


@pytest.fixture
def _pypinyin():
    pytest.importorskip("pypinyin", reason="pypinyin, of the extra cnlu[zh], is not installed")


@pytest.mark.usefixtures("_pypinyin")
def test_a_chinese_character_has_a_reading_without_tone():
    assert [pinyin_of(ch) for ch in "上海女"] == ["shang", "hai", "nv"]


@pytest.mark.usefixtures("_pypinyin")
@pytest.mark.parametrize("ch", ["a", "1", "，", "😀", "\ud800", " "])
def test_other_characters_have_no_reading(ch):
    assert pinyin_of(ch) == pinyin_of(ch, fuzzy=True) == ""


@pytest.mark.usefixtures("_pypinyin")
@pytest.mark.parametrize("pair", ["张脏", "吃疵", "山桑", "南蓝", "江间", "生森", "京金", "女吕"])
def test_fuzzy_pinyin_merges_similar_sounds(pair):
    first, second = pair
    assert pinyin_of(first, fuzzy=True) == pinyin_of(second, fuzzy=True)


@pytest.mark.usefixtures("_pypinyin")
@pytest.mark.parametrize("pair", ["张江", "东登", "法哈", "嗯了"])
def test_fuzzy_pinyin_distinguishes_other_sounds(pair):
    first, second = pair
    assert pinyin_of(first, fuzzy=True) != pinyin_of(second, fuzzy=True)


def test_without_pypinyin_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pypinyin", None)
    pinyin._load_pypinyin.cache_clear()
    pinyin_of.cache_clear()
    with pytest.raises(UsageError, match=r"cnlu\[zh\]"):
        pinyin_of("上")
