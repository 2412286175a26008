"""An encoder's tokens stand over exactly the raw characters they were made of."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.errors import UsageError
from cnlu.text.tokens import (
    AlignedTokenizer,
    SpecialTokens,
    count_unknown,
    from_json,
    pad_tokens,
    to_json,
    unknown_share,
)

tokenizers = pytest.importorskip("tokenizers", reason="encoders need the extra cnlu[encoder]")
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402

SENTENCES = [
    "从北京到上海的火车票多少钱",
    "帮我订一张明天去 New York 的机票 OK",
    "我想听周杰伦的歌 abc123 G12",
    "明天天气怎么样？Hello, world!",
    "play some café music ok",
    "航班号CA1234几点到",
] * 4
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
XLNET = ["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def word_pieces(lowercase: bool) -> tuple[Any, SpecialTokens]:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=260, special_tokens=BERT, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer, SpecialTokens(before=[2], after=[3], summary=0, pad=0, unknown=1, limit=512)


def pieces_with_blanks(split: bool) -> tuple[Any, SpecialTokens]:
    """Unigram over text with ▁ for spaces: as XLNet's with `split`, as XLM-R's without."""
    tokenizer = Tokenizer(models.Unigram())
    steps: list[Any] = [normalizers.NFKC()]
    if split:
        steps = [normalizers.Replace("``", '"'), normalizers.NFKD(), normalizers.StripAccents()]
    tokenizer.normalizer = normalizers.Sequence([*steps, normalizers.Replace(tokenizers.Regex(" {2,}"), " ")])
    blanks: Any = pre_tokenizers.Metaspace()
    if split:
        blanks = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), blanks])
    tokenizer.pre_tokenizer = blanks
    trainer = trainers.UnigramTrainer(vocab_size=150, special_tokens=XLNET, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer, SpecialTokens(before=[], after=[4, 3], summary=-1, pad=5, unknown=0, limit=512)


def byte_pairs(prefix: bool) -> tuple[Any, SpecialTokens]:
    """As RoBERTa's: merged pairs of bytes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=330, special_tokens=ROBERTA, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, prefix)
    return tokenizer, SpecialTokens(before=[0], after=[2], summary=0, pad=1, unknown=None, limit=512)


def published(folder: Path) -> tuple[Any, SpecialTokens]:
    """A real vocabulary of word-pieces."""
    if (folder / "tokenizer.json").exists():
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    else:
        tokenizer = Tokenizer(models.WordPiece.from_file(str(folder / "vocab.txt"), unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    pad, unknown, before, after, _ = map(tokenizer.token_to_id, BERT)
    return tokenizer, SpecialTokens(before=[before], after=[after], summary=0, pad=pad, unknown=unknown, limit=512)


MADE: dict[str, Callable[[], tuple[Any, SpecialTokens]]] = {
    "word-pieces, cased": lambda: word_pieces(False),
    "word-pieces, uncased": lambda: word_pieces(True),
    "unigram, split at spaces": lambda: pieces_with_blanks(True),
    "unigram": lambda: pieces_with_blanks(False),
    "byte pairs": lambda: byte_pairs(False),
    "byte pairs, prefix space": lambda: byte_pairs(True),
}
PUBLISHED = ("bge-small-zh-v1.5", "simbert-tiny")


class Case:
    """A tokenizer at hand, and the reader made of it."""

    def __init__(self, tokenizer: Any, special_tokens: SpecialTokens) -> None:
        self.tokenizer, self.special_tokens, self.content = tokenizer, special_tokens, tokenizer.to_str()
        self.reader = AlignedTokenizer(self.content, special_tokens)
        self.vocabulary: dict[str, int] = tokenizer.get_vocab()
        self.names = {i: piece for piece, i in self.vocabulary.items()}
        self.kind = json.loads(self.content)["model"]["type"]
        special = [token["content"] for token in json.loads(self.content)["added_tokens"]]
        self.special = {self.vocabulary[name] for name in special} - {special_tokens.unknown}

    def own(self, text: str) -> list[tuple[int, Any]]:
        """(id, column of the alignment) of each token but the marks."""
        tokens, special_tokens = self.reader.read(text), self.special_tokens
        inside = slice(len(special_tokens.before), len(tokens) - len(special_tokens.after))
        return list(zip(tokens.ids[inside].tolist(), tokens.alignment.T[inside], strict=True))


@pytest.fixture(scope="module", params=[*MADE, *PUBLISHED])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param in MADE:
        return Case(*MADE[request.param]())
    return Case(*published(request.getfixturevalue("shared") / "weights" / request.param))


@pytest.fixture(scope="module")
def uncased() -> Case:
    return Case(*word_pieces(True))


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
def test_each_character_has_a_row_that_is_a_mean_of_its_tokens_and_marks_have_none(case: Case, text: str) -> None:
    tokens, special_tokens = case.reader.read(text), case.special_tokens
    assert tokens.alignment.shape == (len(text), len(tokens))
    sums = tokens.alignment.sum(1)
    assert np.all(np.isclose(sums, 1, atol=1e-5) | (sums == 0))
    assert np.all(tokens.alignment >= 0)
    assert tokens.ids[: len(special_tokens.before)].tolist() == special_tokens.before
    assert tokens.ids[len(tokens) - len(special_tokens.after) :].tolist() == special_tokens.after
    assert not tokens.alignment[:, : len(special_tokens.before)].any()
    assert not tokens.alignment[:, len(tokens) - len(special_tokens.after) :].any()


@given(TEXTS)
def test_a_token_covers_one_stretch_of_characters_and_only_a_blank_covers_none(case: Case, text: str) -> None:
    before = 0
    for piece, column in case.own(text):
        covered = np.flatnonzero(column)
        if not len(covered):
            assert not case.names[piece].strip("▁")
            continue
        assert covered.tolist() == list(range(covered[0], covered[-1] + 1))
        assert covered[0] >= before
        before = covered[0]


@given(TEXTS)
def test_a_token_is_spelled_by_the_characters_it_covers(case: Case, text: str) -> None:
    for piece, column in case.own(text):
        if piece == case.special_tokens.unknown or not column.any():
            continue
        forms = case.reader._forms
        covered = "".join(forms[text[i]] for i in np.flatnonzero(column))
        if case.kind == "BPE":
            name, spelled = case.names[piece].strip("Ġ"), "".join(bytes_as_letters(covered))
        else:
            name = case.names[piece].removeprefix("##").strip("▁")
            spelled = case.tokenizer.normalizer.normalize_str(covered)
        assert name in spelled


def bytes_as_letters(text: str) -> list[str]:
    """As the byte-level vocabulary writes them."""
    return [
        letter
        for piece, _ in pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)
        for letter in piece
    ]


@given(TEXTS)
def test_a_han_character_of_the_vocabulary_is_covered_by_its_own_token_only(case: Case, text: str) -> None:
    if case.kind != "WordPiece":
        return  # others join characters to words
    own = case.own(text)
    for i, ch in enumerate(text):
        if "一" <= ch <= "龥" and ch in case.vocabulary:
            assert [piece for piece, column in own if column[i]] == [case.vocabulary[ch]]


@given(TEXTS)
def test_marks_typed_in_a_text_are_text(case: Case, text: str) -> None:
    assert not {piece for piece, _ in case.own(text)} & case.special


@given(TEXTS, TEXTS)
def test_a_text_is_read_the_same_whatever_was_read_before(case: Case, text: str, other: str) -> None:
    first = case.reader.read(text)
    case.reader.read(other)
    again = case.reader.read(text)
    assert first.ids.tolist() == again.ids.tolist()
    assert np.array_equal(first.alignment, again.alignment)


@given(TEXTS)
def test_what_is_lost_is_covered_by_unknown_tokens_only(case: Case, text: str) -> None:
    lost = case.reader.lost(text)
    assert len(lost) == case.reader.unknown(text)
    own = case.own(text)
    for i in range(len(text)):
        covering = {piece for piece, column in own if column[i]}
        assert (i in lost) == (covering == {case.special_tokens.unknown} and case.special_tokens.unknown is not None)


def test_a_reader_from_a_model_directory_reads_the_same(case: Case) -> None:
    again = from_json(to_json(case.content, case.special_tokens))
    for text in [*SENTENCES, *PARTS, "[CLS]北京<sep>☃abc☃"]:
        one, other = case.reader.read(text), again.read(text)
        assert one.ids.tolist() == other.ids.tolist()
        assert np.array_equal(one.alignment, other.alignment)


def test_training_texts_are_read_without_loss(case: Case) -> None:
    assert unknown_share(case.reader, SENTENCES) == 0.0


def test_a_full_width_capital_is_read_as_the_plain_letter(uncased: Case) -> None:
    assert uncased.reader.read("ＯＫ").ids.tolist() == uncased.reader.read("ok").ids.tolist()


def test_a_known_character_keeps_its_form() -> None:
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "，": 1, ",": 2, "…": 3, ".": 4}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    reader = AlignedTokenizer(
        tokenizer.to_str(), SpecialTokens(before=[], after=[], summary=0, pad=0, unknown=0, limit=9)
    )
    assert reader.read("，…．").ids.tolist() == [1, 3, 4]


@pytest.mark.parametrize(("text", "ids"), [("……", [1, 1]), ("“”", [2, 2]), ("‘’", [3, 3]), ("——", [4, 4])])
def test_chinese_punctuation_that_the_vocabulary_lacks_is_read_as_its_plain_kin(text: str, ids: list[int]) -> None:
    pieces = {"[UNK]": 0, ".": 1, '"': 2, "'": 3, "-": 4}
    tokenizer = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    assert (
        AlignedTokenizer(tokenizer.to_str(), SpecialTokens(before=[], after=[], summary=0, pad=0, unknown=0, limit=9))
        .read(text)
        .ids.tolist()
        == ids
    )


def test_a_word_with_an_unknown_character_loses_only_that(uncased: Case) -> None:
    assert uncased.reader.lost("play☃music🎵ok") == [4, 10]
    whole = uncased.reader.read("play").ids.tolist()
    assert uncased.reader.read("play☃").ids.tolist() == [*whole[:-1], 1, 3]


def test_an_accent_that_is_dropped_goes_with_its_letter(uncased: Case) -> None:
    rows = uncased.reader.read("火车 cafe\u0301 票").alignment
    assert rows[7].any()
    assert np.array_equal(rows[6], rows[7])


def test_a_word_longer_than_word_pieces_may_be_is_still_read(uncased: Case) -> None:
    assert uncased.reader.unknown("ok" * 400) == 0


def test_a_character_that_is_simplified_is_read_as_the_simplified_one(uncased: Case) -> None:
    reader = AlignedTokenizer(
        uncased.content, uncased.special_tokens, lambda ch: {"車": "车", "票": "两张"}.get(ch, ch)
    )
    assert reader.read("火車票").ids.tolist() == uncased.reader.read("火车票").ids.tolist()


def test_tokens_beyond_the_limit_are_cut_off_and_said_to_be(uncased: Case) -> None:
    reader = AlignedTokenizer(
        uncased.content, SpecialTokens(before=[2], after=[3], summary=0, pad=0, unknown=1, limit=6)
    )
    assert reader.room == 4
    assert reader.fits("北京上海") and reader.read("北京上海").whole
    assert not reader.fits("北京上海的") and not reader.read("北京上海的").whole
    tokens = reader.read("北京上海的")
    assert len(tokens) == 6
    assert tokens.alignment.shape == (5, 6)
    assert tokens.alignment[4].sum() == 0


def test_the_share_of_unknown_characters_and_the_most_frequent(uncased: Case) -> None:
    found = count_unknown(uncased.reader, ["北京☃", "☃☄上海", ""])
    assert found.share == pytest.approx(3 / 7)
    assert found.characters == ["☃", "☄"]
    assert unknown_share(uncased.reader, []) == 0.0


def test_padded_texts_keep_their_rows(uncased: Case) -> None:
    texts = ["北京到上海", "OK", ""]
    read = [uncased.reader.read(text) for text in texts]
    padded = pad_tokens(read, 7)
    for i, one in enumerate(read):
        count, length = len(one), len(one.alignment)
        assert padded["tokens"][i, :count].tolist() == one.ids.tolist()
        assert padded["token_mask"][i].sum() == count
        assert np.array_equal(padded["alignment"][i, :length, :count], one.alignment)
        assert padded["alignment"][i, length:].sum() == padded["alignment"][i, :, count:].sum() == 0


def test_without_the_library_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch, uncased: Case) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UsageError, match=r"cnlu\[encoder\]"):
        AlignedTokenizer(uncased.content, uncased.special_tokens)
