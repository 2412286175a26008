"""Lines tokenized in bulk have the tokens that the tokenizer gives for each line alone."""

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


def tokenize_each_line(content: str, lines: list[str]) -> tuple[list[int], list[int]]:
    """The ids and first characters that the library tokenizers gives, line by line."""
    tokenizer = Tokenizer.from_str(content)
    tokenizer.encode_special_tokens = True
    ids, starts, offset = [], [], 0
    for line in lines:
        encoding = tokenizer.encode(line, add_special_tokens=False)
        ids += encoding.ids
        starts += [offset + start for start, _ in encoding.offsets]
        offset += len(line) + 1
    return ids, starts


def tokenize_in_bulk(content: str, lines: list[str]) -> tuple[list[int], list[int]]:
    ids, starts = BulkTokenizer(content).read("\n".join(lines))
    return ids.tolist(), starts.tolist()


@given(lines=st.lists(LINE, max_size=5))
def test_any_text_has_the_tokens_of_the_tokenizer(tokenizer, lines):
    assert tokenize_in_bulk(tokenizer, lines) == tokenize_each_line(tokenizer, lines)


@given(lines=st.lists(LINE, max_size=4))
def test_any_text_has_the_tokens_of_a_tokenizer_with_added_words(tokenizer, tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("words") / "words.txt"
    path.write_text("买票\n囍\n", "utf-8")
    content = json.dumps(add_words(json.loads(tokenizer), path)[0], ensure_ascii=False)
    assert tokenize_in_bulk(content, lines) == tokenize_each_line(content, lines)


@pytest.mark.parametrize("name", ["bge-small-zh-v1.5", "simbert-tiny"])
def test_railway_text_has_the_tokens_of_real_tokenizers(shared, railway_lines, name):
    from cnlu.encoder.tokenizer import read_tokenizer

    content = json.dumps(read_tokenizer(shared / "weights" / name)[0], ensure_ascii=False)
    assert tokenize_in_bulk(content, railway_lines) == tokenize_each_line(content, railway_lines)
