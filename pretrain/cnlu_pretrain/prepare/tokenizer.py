"""The tokenizer of a corpus: an encoder's, optionally with added words, or one counted from the text."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from tokenizers import Tokenizer

from cnlu.encoder.source import local_directory
from cnlu.encoder.tokenizer import largest_id, read_tokenizer, special_tokens_of, tokenizer_settings
from cnlu.errors import DataError, UsageError
from cnlu.i18n import _
from cnlu.text.tokens import SpecialTokens
from cnlu_pretrain.corpus.corpus import tokenizer_fingerprint
from cnlu_pretrain.prepare.new_vocabulary import CharacterCounts, Content, add_words, new_tokenizer

USUAL_LIMIT = 512
"""Nominal token limit of the special tokens; each encoder that reads the corpus applies its own limit."""


@dataclass(frozen=True, kw_only=True)
class CorpusTokenizer:
    """A tokenizer with what the corpus needs to know about it."""

    content: str
    """The content of the tokenizer.json"""
    special_tokens: SpecialTokens
    mask: int
    """The id of [MASK]"""
    vocabulary: int
    """The number of ids"""
    added: dict[str, list[int]] = field(default_factory=dict)
    """New id (as text, for JSON) -> the ids that the same text had before"""
    base: str = ""
    """Fingerprint of the tokenizer before words were added"""
    notes: list[str] = field(default_factory=list)

    @property
    def token_type(self) -> str:
        return "<u2" if self.vocabulary <= 1 << 16 else "<u4"


def choose_tokenizer(encoder: str | None, new_vocab: int | None, add_tokens: Path | None) -> CorpusTokenizer:
    """The tokenizer for the options; raises UsageError or DataError for unusable files or conflicting options."""
    if (encoder is None) == (new_vocab is None):
        raise UsageError(
            "--encoder, --new-vocab",
            _("exactly one of them is needed"),
            _("give --encoder to use its tokenizer, or --new-vocab N to make one from the text"),
        )
    if new_vocab is not None:
        if add_tokens:
            raise UsageError(
                "--add-tokens", _("a new vocabulary cannot be extended"), _("give --encoder, or leave it out")
            )
        return _described(new_tokenizer(CharacterCounts(), new_vocab), {}, "--new-vocab")
    assert encoder is not None
    directory = local_directory(encoder)
    content, notes = read_tokenizer(directory)
    base = tokenizer_fingerprint(json.dumps(content))
    pieces: dict[str, list[int]] = {}
    if add_tokens:
        content, pieces, more = add_words(content, add_tokens)
        notes += more
    described = _described(content, tokenizer_settings(directory), str(directory), pieces)
    return replace(described, base=base, notes=notes)


def count_vocabulary(counts: CharacterCounts, size: int, where: Path) -> CorpusTokenizer:
    """The tokenizer of the `size` most frequent characters."""
    return _described(new_tokenizer(counts, size), {}, str(where))


def _described(
    content: Content, settings: Content, where: str, pieces: dict[str, list[int]] | None = None
) -> CorpusTokenizer:
    special_tokens = special_tokens_of(content, settings, None, USUAL_LIMIT, where)
    tokenizer = Tokenizer.from_str(json.dumps(content, ensure_ascii=False))
    mask = _mask_id(tokenizer, settings, where)
    ids = {tokenizer.token_to_id(word): old for word, old in (pieces or {}).items()}
    text = json.dumps(content, ensure_ascii=False)
    return CorpusTokenizer(
        content=text,
        special_tokens=special_tokens,
        mask=mask,
        vocabulary=max(largest_id(content, special_tokens), mask, *ids.keys() or [0]) + 1,
        added={str(i): old for i, old in ids.items() if i is not None},
        base=tokenizer_fingerprint(text),
    )


def _mask_id(tokenizer: Tokenizer, settings: Content, where: str) -> int:
    named = settings.get("mask_token", "[MASK]")
    named = named.get("content") if isinstance(named, dict) else named
    for name in (str(named), "[MASK]", "<mask>"):
        if (token_id := tokenizer.token_to_id(name)) is not None:
            return int(token_id)
    raise DataError(where, _("its tokenizer has no [MASK], which pretraining needs"), _("name another encoder"))
