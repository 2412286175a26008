"""How special characters, unknown ones and long texts are tokenized, and how batches are padded."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from cnlu.errors import UsageError
from cnlu.text.tokens import AlignedTokenizer, SpecialTokens, count_unknown, pad_tokens, unknown_share
from tests.text.tokenizer_cases import Tokenizer, TokenizerCase, models, pre_tokenizers, word_piece


@pytest.fixture(scope="module")
def uncased() -> TokenizerCase:
    return TokenizerCase(*word_piece(True))


def test_a_full_width_capital_is_tokenized_as_the_plain_letter(uncased: TokenizerCase) -> None:
    assert uncased.aligned.encode("ＯＫ").ids.tolist() == uncased.aligned.encode("ok").ids.tolist()


def test_a_character_of_the_vocabulary_keeps_its_form() -> None:
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "，": 1, ",": 2, "…": 3, ".": 4}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    aligned = AlignedTokenizer(
        tokenizer.to_str(), SpecialTokens(before=[], after=[], summary=0, pad=0, unknown=0, limit=9)
    )
    assert aligned.encode("，…．").ids.tolist() == [1, 3, 4]


@pytest.mark.parametrize(("text", "ids"), [("……", [1, 1]), ("“”", [2, 2]), ("‘’", [3, 3]), ("——", [4, 4])])
def test_chinese_punctuation_that_the_vocabulary_lacks_is_tokenized_as_ascii(text: str, ids: list[int]) -> None:
    pieces = {"[UNK]": 0, ".": 1, '"': 2, "'": 3, "-": 4}
    tokenizer = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    assert (
        AlignedTokenizer(tokenizer.to_str(), SpecialTokens(before=[], after=[], summary=0, pad=0, unknown=0, limit=9))
        .encode(text)
        .ids.tolist()
        == ids
    )


def test_only_the_unknown_character_of_a_word_is_unknown(uncased: TokenizerCase) -> None:
    assert uncased.aligned.unknown_positions("play☃music🎵ok") == [4, 10]
    whole = uncased.aligned.encode("play").ids.tolist()
    assert uncased.aligned.encode("play☃").ids.tolist() == [*whole[:-1], 1, 3]


def test_the_token_of_a_letter_covers_an_accent_that_is_dropped(uncased: TokenizerCase) -> None:
    rows = uncased.aligned.encode("火车 cafe\u0301 票").alignment
    assert rows[7].any()
    assert np.array_equal(rows[6], rows[7])


def test_a_word_longer_than_wordpiece_allows_is_not_unknown(uncased: TokenizerCase) -> None:
    assert uncased.aligned.unknown("ok" * 400) == 0


def test_a_traditional_character_is_tokenized_as_the_simplified_one(uncased: TokenizerCase) -> None:
    aligned = AlignedTokenizer(
        uncased.content, uncased.special_tokens, lambda ch: {"車": "车", "票": "两张"}.get(ch, ch)
    )
    assert aligned.encode("火車票").ids.tolist() == uncased.aligned.encode("火车票").ids.tolist()


def test_tokens_beyond_the_limit_are_cut_off_and_whole_is_false(uncased: TokenizerCase) -> None:
    aligned = AlignedTokenizer(
        uncased.content, SpecialTokens(before=[2], after=[3], summary=0, pad=0, unknown=1, limit=6)
    )
    assert aligned.max_text_tokens == 4
    assert aligned.fits("北京上海") and aligned.encode("北京上海").whole
    assert not aligned.fits("北京上海的") and not aligned.encode("北京上海的").whole
    tokens = aligned.encode("北京上海的")
    assert len(tokens) == 6
    assert tokens.alignment.shape == (5, 6)
    assert tokens.alignment[4].sum() == 0


def test_count_unknown_gives_the_share_and_the_most_frequent_characters(uncased: TokenizerCase) -> None:
    unknown = count_unknown(uncased.aligned, ["北京☃", "☃☄上海", ""])
    assert unknown.share == pytest.approx(3 / 7)
    assert unknown.characters == ["☃", "☄"]
    assert unknown_share(uncased.aligned, []) == 0.0


def test_padding_keeps_the_tokens_of_each_text(uncased: TokenizerCase) -> None:
    texts = ["北京到上海", "OK", ""]
    batch = [uncased.aligned.encode(text) for text in texts]
    padded = pad_tokens(batch, 7)
    for i, tokens in enumerate(batch):
        count, length = len(tokens), len(tokens.alignment)
        assert padded["tokens"][i, :count].tolist() == tokens.ids.tolist()
        assert padded["token_mask"][i].sum() == count
        assert np.array_equal(padded["alignment"][i, :length, :count], tokens.alignment)
        assert padded["alignment"][i, length:].sum() == padded["alignment"][i, :, count:].sum() == 0


def test_without_the_tokenizers_library_the_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, uncased: TokenizerCase
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UsageError, match="pip install tokenizers"):
        AlignedTokenizer(uncased.content, uncased.special_tokens)
