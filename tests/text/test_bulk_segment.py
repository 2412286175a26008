"""A block of lines has the same words as each of its lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.text.bulk_segment import BulkSegmenter, code_points
from cnlu.text.segment import Segmenter

WORDS = ("孙小圣", "去上海", "一个三十", "天气预报员")
COMMON = "我想买一张明天下午去上海的火车票研究生命起源孙小圣一个三十分天气预报员北京西站不知道们了啊"
LINE = st.lists(
    st.text(st.sampled_from(COMMON), max_size=12) | st.text("abＺé09７ .-，😀\ud800\x00㐂𠮷龥", max_size=4), max_size=5
).map("".join)


@pytest.fixture(scope="module", params=["jieba", "rjieba"])
def segmenters(request):
    if request.param == "rjieba":
        pytest.importorskip("rjieba", reason="rjieba, the optional speed-up, is not installed")
    segmenter = Segmenter(WORDS, request.param)
    return segmenter, BulkSegmenter(segmenter)


@given(lines=st.lists(LINE, max_size=6))
def test_a_block_of_lines_has_the_words_of_each_line(segmenters, lines):
    segmenter, bulk = segmenters
    text = "".join(line + "\n" for line in lines)
    expected, offset = np.zeros(len(text), bool), 0
    for line in lines:
        expected[[offset + start for start, _ in segmenter.spans(line)]] = True
        offset += len(line) + 1
        expected[offset - 1] = True
    assert bulk.starts(text).tolist() == expected.tolist()


@given(text=st.text(st.characters(exclude_categories=())))
def test_code_points_are_those_of_ord(text):
    assert code_points(text).tolist() == [ord(ch) for ch in text]
