"""Tokens read in bulk are the tokenizer's own."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from cnlu_pretrain.prepare.bulk_tokenize import BulkTokenizer
from cnlu_pretrain.prepare.new_vocabulary import add_words

PIECES = [
    "我想",
    "买票",
    "G12",
    "ok",
    "Á",
    "a\u0301",
    "中\u0301",
    "，",
    "“",
    " ",
    "\u3000",
    "\u200b",
    "ｗ",
    "ﬁ",
    "[MASK]",
    "한국",
    "ア",
    "100%",
    "…",
]
ANYTHING = st.characters(exclude_characters="\n", exclude_categories=("Cs",))
LINE = st.text(ANYTHING, max_size=12) | st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


def alone(tokenizer: Tokenizer, lines: list[str]) -> tuple[list[int], list[int]]:
    """Ids and first characters as the library gives them, line by line."""
    ids, places, offset = [], [], 0
    for line in lines:
        found = tokenizer.encode(line, add_special_tokens=False)
        ids += found.ids
        places += [offset + start for start, _ in found.offsets]
        offset += len(line) + 1
    return ids, places


def the_library(content: str) -> Tokenizer:
    tokenizer = Tokenizer.from_str(content)
    tokenizer.encode_special_tokens = True
    return tokenizer


@given(lines=st.lists(LINE, max_size=5))
def test_ids_are_the_tokenizer_s_own_whatever_the_text(tokenizer, lines):
    ids, places = BulkTokenizer(tokenizer).read("\n".join(lines))
    expected_ids, expected_places = alone(the_library(tokenizer), lines)
    assert ids.tolist() == expected_ids
    assert places.tolist() == expected_places


@given(lines=st.lists(LINE, max_size=4))
def test_so_are_those_of_a_tokenizer_with_added_words(tokenizer, tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("words") / "words.txt"
    path.write_text("买票\n囍\n", "utf-8")
    content = json.dumps(add_words(json.loads(tokenizer), path)[0], ensure_ascii=False)
    ids, places = BulkTokenizer(content).read("\n".join(lines))
    assert (ids.tolist(), places.tolist()) == alone(the_library(content), lines)


@pytest.mark.parametrize("name", ["bge-small-zh-v1.5", "simbert-tiny"])
def test_real_tokenizers_read_real_text_alike(shared, railway_lines, name):
    from cnlu.encoder.tokenizer import read_tokenizer

    content = json.dumps(read_tokenizer(shared / "weights" / name)[0], ensure_ascii=False)
    ids, places = BulkTokenizer(content).read("\n".join(railway_lines))
    assert (ids.tolist(), places.tolist()) == alone(the_library(content), railway_lines)
