"""Every token is aligned to exactly the characters that it was made from, in any text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.text.tokens import from_json, to_json, unknown_share
from tests.text.tokenizer_cases import PUBLISHED, SENTENCES, TRAINED, TokenizerCase, pre_tokenizers, published


@pytest.fixture(scope="module", params=[*TRAINED, *PUBLISHED])
def case(request: pytest.FixtureRequest) -> TokenizerCase:
    if request.param in TRAINED:
        return TokenizerCase(*TRAINED[request.param]())
    return TokenizerCase(*published(request.getfixturevalue("shared") / "weights" / request.param))


PARTS = (
    "北京上海明天的票",
    "火车 abc123 ",
    "New York",
    "OK",
    "ＡＢｃ１２３，",
    "Hello☃world",
    "é",
    "e\u0301",
    "中\u0301",
    "İ",
    "  ",
    "\t\n",
    "\u3000",
    "\x00",
    "\x7f\x85",
    "\u200b",
    "\u200d",
    "\ufeff",
    "\ufffd",
    "\ud800",
    "\udfff",
    "👨‍👩‍👧",
    "😀",
    "𠀀",
    "\U000300fe",
    "鿿",
    "々〇",
    "ﷺ",
    "㎏",
    "½",
    "…",
    "ｶﾞ",
    "가나",
    "กำ",
    "ß",
    "ſ",
    "▁",
    "▁▁a",
    "Ġ",
    "##",
    "``",
    "[CLS]",
    "[SEP]",
    "[PAD]",
    "[MASK]",
    "[UNK]",
    "<s>",
    "</s>",
    "<sep>",
    "<cls>",
    "<pad>",
    "<mask>",
    "<unk>",
)
ANYTHING = st.characters(exclude_categories=())  # lone surrogates included
TEXTS = st.lists(st.one_of(st.sampled_from(PARTS), ANYTHING, ANYTHING), max_size=14).map("".join)


@given(TEXTS)
def test_the_weights_of_a_character_sum_to_1_and_special_tokens_have_none(case: TokenizerCase, text: str) -> None:
    tokens, special_tokens = case.aligned.encode(text), case.special_tokens
    assert tokens.alignment.shape == (len(text), len(tokens))
    sums = tokens.alignment.sum(1)
    assert np.all(np.isclose(sums, 1, atol=1e-5) | (sums == 0))
    assert np.all(tokens.alignment >= 0)
    assert tokens.ids[: len(special_tokens.before)].tolist() == special_tokens.before
    assert tokens.ids[len(tokens) - len(special_tokens.after) :].tolist() == special_tokens.after
    assert not tokens.alignment[:, : len(special_tokens.before)].any()
    assert not tokens.alignment[:, len(tokens) - len(special_tokens.after) :].any()


@given(TEXTS)
def test_a_token_covers_consecutive_characters_and_only_a_blank_covers_none(case: TokenizerCase, text: str) -> None:
    before = 0
    for piece, column in case.text_tokens(text):
        covered = np.flatnonzero(column)
        if not len(covered):
            assert not case.names[piece].strip("▁")
            continue
        assert covered.tolist() == list(range(covered[0], covered[-1] + 1))
        assert covered[0] >= before
        before = covered[0]


@given(TEXTS)
def test_the_characters_that_a_token_covers_spell_it(case: TokenizerCase, text: str) -> None:
    for piece, column in case.text_tokens(text):
        if piece == case.special_tokens.unknown or not column.any():
            continue
        forms = case.aligned._forms
        covered = "".join(forms[text[i]] for i in np.flatnonzero(column))
        if case.kind == "BPE":
            name, spelled = case.names[piece].strip("Ġ"), "".join(bytes_as_letters(covered))
        else:
            name = case.names[piece].removeprefix("##").strip("▁")
            spelled = case.tokenizer.normalizer.normalize_str(covered)
        assert name in spelled


def bytes_as_letters(text: str) -> list[str]:
    """The characters by which a byte-level vocabulary writes the bytes of a text."""
    return [
        letter
        for piece, _ in pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)
        for letter in piece
    ]


@given(TEXTS)
def test_only_its_own_token_covers_a_chinese_character_of_the_vocabulary(case: TokenizerCase, text: str) -> None:
    if case.kind != "WordPiece":
        return  # the others join characters into words
    tokens = case.text_tokens(text)
    for i, ch in enumerate(text):
        if "一" <= ch <= "龥" and ch in case.vocabulary:
            assert [piece for piece, column in tokens if column[i]] == [case.vocabulary[ch]]


@given(TEXTS)
def test_special_tokens_typed_in_a_text_are_text(case: TokenizerCase, text: str) -> None:
    assert not {piece for piece, _ in case.text_tokens(text)} & case.special_ids


@given(TEXTS, TEXTS)
def test_tokens_do_not_depend_on_earlier_texts(case: TokenizerCase, text: str, other: str) -> None:
    first = case.aligned.encode(text)
    case.aligned.encode(other)
    again = case.aligned.encode(text)
    assert first.ids.tolist() == again.ids.tolist()
    assert np.array_equal(first.alignment, again.alignment)


@given(TEXTS)
def test_unknown_positions_are_those_that_only_unknown_tokens_cover(case: TokenizerCase, text: str) -> None:
    unknown = case.aligned.unknown_positions(text)
    assert len(unknown) == case.aligned.unknown(text)
    tokens = case.text_tokens(text)
    for i in range(len(text)):
        covering = {piece for piece, column in tokens if column[i]}
        assert (i in unknown) == (covering == {case.special_tokens.unknown} and case.special_tokens.unknown is not None)


def test_a_tokenizer_from_a_model_directory_gives_the_same_tokens(case: TokenizerCase) -> None:
    again = from_json(to_json(case.content, case.special_tokens))
    for text in [*SENTENCES, *PARTS, "[CLS]北京<sep>☃abc☃"]:
        first, second = case.aligned.encode(text), again.encode(text)
        assert first.ids.tolist() == second.ids.tolist()
        assert np.array_equal(first.alignment, second.alignment)


def test_the_training_texts_of_a_vocabulary_have_no_unknown_characters(case: TokenizerCase) -> None:
    assert unknown_share(case.aligned, SENTENCES) == 0.0
