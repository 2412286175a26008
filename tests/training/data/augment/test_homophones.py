"""Copies in which homophones replace words."""

from __future__ import annotations

import sys

import pytest

from cnlu.data.schema import Entity, Example
from cnlu.errors import UsageError
from cnlu.features import pinyin
from cnlu.text.segment import Segmenter
from cnlu.training.data.augment.edits import words_of
from cnlu.training.data.augment.homophones import substitute_homophones

SEGMENTER = Segmenter()


@pytest.mark.parametrize("text", ["公式怎么用", "帮我订机票", "银行几点开门", "不可以"])
def test_homophones_have_the_same_pinyin(text: str):
    pytest.importorskip("pypinyin")
    copies = [copy.text for copy in substitute_homophones([Example(text)] * 20, 1.0, 1, SEGMENTER)]
    assert len(set(copies)) > 1
    for word in words_of(Example(text), SEGMENTER):
        for other in {copy[word.start : word.end] for copy in copies}:
            changed = [(a, b) for a, b in zip(word.text, other, strict=True) if a != b]
            sounds = pinyin.readings_of(word.text)
            one_character = len(changed) == 1 and pinyin.pinyin_of(changed[0][1]) in sounds
            assert pinyin.readings_of(other) == sounds or one_character, (word.text, other)


def test_a_word_becomes_another_word_where_there_is_one():
    pytest.importorskip("pypinyin")
    copies = {copy.text for copy in substitute_homophones([Example("公式")] * 40, 1.0, 1, SEGMENTER)}
    assert {"公示", "攻势", "公事"} & copies
    assert "公是" not in copies


def test_letters_digits_and_values_stay():
    pytest.importorskip("pypinyin")
    text = "查G123到北京"
    one = Example(text, "ask", (Entity(6, 8, "city", "北京"),))
    for copy in substitute_homophones([one] * 20, 1.0, 1, SEGMENTER):
        assert copy.text[1:5] == "G123" and copy.text[6:] == "北京"


def test_without_the_library_the_setting_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pypinyin", None)
    pinyin._load_pypinyin.cache_clear()
    with pytest.raises(UsageError, match=r"training.homophones need pypinyin"):
        substitute_homophones([Example("买票")], 1.0, 1, SEGMENTER)
    pinyin._load_pypinyin.cache_clear()
