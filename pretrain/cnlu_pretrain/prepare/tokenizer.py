"""The tokenizer of a corpus: an encoder's, that with words added, or one counted from the text."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from tokenizers import Tokenizer

from cnlu.encoder.source import local_directory
from cnlu.encoder.tokenizer import largest_id, read_tokenizer, special_tokens_of, tokenizer_settings
from cnlu.errors import DataError, UsageError
from cnlu.text.tokens import SpecialTokens
from cnlu_pretrain.corpus.corpus import tokenizer_fingerprint
from cnlu_pretrain.prepare.new_vocabulary import CharacterCounts, Content, added, new_tokenizer

USUAL_LIMIT = 512
"""Tokens; what reads the corpus has a limit of its own."""


@dataclass(frozen=True)
class Chosen:
    """A tokenizer with what the corpus needs to know of it."""

    content: str
    """Of a tokenizer.json"""
    special_tokens: SpecialTokens
    mask: int
    vocabulary: int
    added: dict[str, list[int]] = field(default_factory=dict)
    """New ids (as text, for JSON) and the old ids that stood for the same before"""
    base: str = ""
    """Fingerprint of the tokenizer that words were added to; of this one where none were"""
    notes: list[str] = field(default_factory=list)

    @property
    def token_type(self) -> str:
        return "<u2" if self.vocabulary <= 1 << 16 else "<u4"


def choose_tokenizer(encoder: str | None, new_vocab: int | None, add_tokens: Path | None) -> Chosen:
    """Raises UsageError or DataError for what is not there, cannot be used, or does not go together."""
    if (encoder is None) == (new_vocab is None):
        raise UsageError("Give either --encoder, whose tokenizer reads the text, or --new-vocab N to make one of it.")
    if new_vocab is not None:
        if add_tokens:
            raise UsageError("--add-tokens needs --encoder: it adds to a vocabulary that is there.")
        return _chosen(new_tokenizer(CharacterCounts(), new_vocab), {}, "--new-vocab")
    assert encoder is not None
    directory = local_directory(encoder)
    content, notes = read_tokenizer(directory)
    pieces: dict[str, list[int]] = {}
    base = tokenizer_fingerprint(json.dumps(content))
    settings = tokenizer_settings(directory)
    if add_tokens:
        content, pieces, more = added(content, add_tokens)
        notes += more
    return replace(_chosen(content, settings, str(directory), pieces), base=base, notes=notes)


def count_vocabulary(counts: CharacterCounts, size: int, where: Path) -> Chosen:
    """The tokenizer of the `size` most frequent characters."""
    return _chosen(new_tokenizer(counts, size), {}, str(where))


def _chosen(content: Content, settings: Content, where: str, pieces: dict[str, list[int]] | None = None) -> Chosen:
    special_tokens = special_tokens_of(content, settings, None, USUAL_LIMIT, where)
    tokenizer = Tokenizer.from_str(json.dumps(content, ensure_ascii=False))
    named = settings.get("mask_token", "[MASK]")
    named = named.get("content") if isinstance(named, dict) else named
    names = (str(named), "[MASK]", "<mask>")
    mask = next((i for name in names if (i := tokenizer.token_to_id(name)) is not None), None)
    if mask is None:
        raise DataError(f"{where}: its tokenizer has no [MASK], which pretraining needs; name another encoder.")
    ids = {tokenizer.token_to_id(word): old for word, old in (pieces or {}).items()}
    known = {str(i): old for i, old in ids.items() if i is not None}
    size = max(largest_id(content, special_tokens), mask, *ids.keys() or [0]) + 1
    text = json.dumps(content, ensure_ascii=False)
    return Chosen(text, special_tokens, mask, size, known, tokenizer_fingerprint(text))
