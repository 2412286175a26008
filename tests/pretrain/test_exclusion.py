"""`prepare --exclude`: lines that share text with a test set are left out of the corpus, and counted."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.errors import DataError
from cnlu_pretrain.config import PrepareConfig
from cnlu_pretrain.prepare.exclusion import Exclusion, ngram_keys, read_exclusion
from cnlu_pretrain.prepare.prepare import PrepareRequest, prepare
from tests.pretrain.corpora import sentences

SHORT = PrepareConfig(exclude_ngram=5, processes=1, held_out=0)


def overlapping(lines, *excluded, ngram=5):
    keys, _lines = ngram_keys(excluded, ngram)
    return Exclusion(sorted_unique(keys), ngram).overlaps(lines).tolist()


def sorted_unique(keys):
    import numpy as np

    return np.unique(keys)


def test_a_shared_ngram_is_an_overlap():
    assert overlapping(["你帮我查明天的吧", "帮我查后天的"], "请帮我查明天的天气") == [True, False]


def test_a_short_line_overlaps_with_the_same_line_only():
    assert overlapping(["好的", "好的吧", "说好的"], "好的") == [True, False, False]


def test_case_spaces_and_punctuation_do_not_count():
    assert overlapping(["坐 g101，去北京！"], "坐G101去北京") == [True]


@given(st.lists(st.text("一二三ab，", max_size=9), max_size=6), st.lists(st.text("一二三ab，", max_size=9), max_size=4))
def test_overlaps_are_those_of_a_plain_search(lines, excluded):
    def grams(text):
        text = "".join(ch for ch in text if ch != "，")
        return {text[i : i + 3] for i in range(max(len(text) - 2, 1))} - {""}

    gone = set().union(*map(grams, excluded)) if excluded else set()
    assert overlapping(lines, *excluded, ngram=3) == [bool(grams(line) & gone) for line in lines]


def test_the_corpus_lacks_the_lines_and_the_manifest_counts_them(tmp_path, tiny_encoder):
    (tmp_path / "text.txt").write_text("请帮我查明天的天气\n我要买票\n去上海\n", "utf-8")
    (tmp_path / "test.jsonl").write_text('{"text": "帮我查明天的票"}\n{"text": "我要买票"}\n', "utf-8")
    out = tmp_path / "corpus"
    request = PrepareRequest(
        [str(tmp_path / "text.txt")], out, SHORT, str(tiny_encoder), exclude=[str(tmp_path / "test.jsonl")]
    )
    prepare(request)
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert manifest["left_out"] == {"excluded": 2}
    from cnlu_pretrain.corpus.corpus import open_corpus

    assert sentences(open_corpus(out)) == [["去上海"]]


def test_nlu_data_is_excluded_without_its_annotations(tmp_path):
    path = tmp_path / "nlu.yml"
    path.write_text('version: "3.1"\nnlu:\n- intent: ask\n  examples: |\n    - 去[北京](city)的票\n', "utf-8")
    assert read_exclusion([path], 5).overlaps(["去北京的票"]).tolist() == [True]


def test_a_file_without_text_is_refused(tmp_path):
    path = tmp_path / "test.txt"
    path.write_text("\n。。。\n", "utf-8")
    with pytest.raises(DataError, match="holds no text to exclude"):
        read_exclusion([path], 5)
