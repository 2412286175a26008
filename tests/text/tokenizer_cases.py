"""Tokenizers of every kind that encoders have, to align with characters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnlu.text.tokens import AlignedTokenizer, SpecialTokens

tokenizers = pytest.importorskip("tokenizers", reason="encoders need tokenizers")
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


def word_piece(lowercase: bool) -> tuple[Any, SpecialTokens]:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=260, special_tokens=BERT, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer, SpecialTokens(before=[2], after=[3], summary=0, pad=0, unknown=1, limit=512)


def unigram(split: bool) -> tuple[Any, SpecialTokens]:
    """Unigram with ▁ for spaces: like XLNet's with `split`, like XLM-R's without."""
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


def byte_pair_encoding(prefix: bool) -> tuple[Any, SpecialTokens]:
    """Byte-pair encoding like RoBERTa's."""
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
    """A published WordPiece vocabulary."""
    if (folder / "tokenizer.json").exists():
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    else:
        tokenizer = Tokenizer(models.WordPiece.from_file(str(folder / "vocab.txt"), unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    pad, unknown, before, after, _ = map(tokenizer.token_to_id, BERT)
    return tokenizer, SpecialTokens(before=[before], after=[after], summary=0, pad=pad, unknown=unknown, limit=512)


TRAINED: dict[str, Callable[[], tuple[Any, SpecialTokens]]] = {
    "WordPiece, cased": lambda: word_piece(False),
    "WordPiece, uncased": lambda: word_piece(True),
    "unigram, split at spaces": lambda: unigram(True),
    "unigram": lambda: unigram(False),
    "byte pairs": lambda: byte_pair_encoding(False),
    "byte pairs, prefix space": lambda: byte_pair_encoding(True),
}
PUBLISHED = ("bge-small-zh-v1.5", "simbert-tiny")


class TokenizerCase:
    """A tokenizer, and the aligned one that is built from it."""

    def __init__(self, tokenizer: Any, special_tokens: SpecialTokens) -> None:
        self.tokenizer, self.special_tokens, self.content = tokenizer, special_tokens, tokenizer.to_str()
        self.aligned = AlignedTokenizer(self.content, special_tokens)
        self.vocabulary: dict[str, int] = tokenizer.get_vocab()
        self.names = {i: piece for piece, i in self.vocabulary.items()}
        self.kind = json.loads(self.content)["model"]["type"]
        special = [token["content"] for token in json.loads(self.content)["added_tokens"]]
        self.special_ids = {self.vocabulary[name] for name in special} - {special_tokens.unknown}

    def text_tokens(self, text: str) -> list[tuple[int, Any]]:
        """(id, column of the alignment) of each token that is not a special one."""
        tokens, special_tokens = self.aligned.encode(text), self.special_tokens
        inside = slice(len(special_tokens.before), len(tokens) - len(special_tokens.after))
        return list(zip(tokens.ids[inside].tolist(), tokens.alignment.T[inside], strict=True))
