"""Tokenizes a text for an encoder and aligns the tokens to raw characters.

Needs only the `tokenizers` library, so a trained model runs without transformers.

The tokenized text has as many characters as the raw one, so the library's offsets are raw offsets. Four things differ
from the library: special tokens typed in a text stay text; a character that the vocabulary lacks (full-width, capital,
curly quote) is replaced by its plain form if the vocabulary has that; an unknown character in a word does not turn the
whole word into [UNK]; and the blank that some vocabularies put before a word covers a space or no character.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu.text.normalize import REPLACEMENT

_UNTYPABLE = "\uffff\ufffe"
"""Prefix of the name of a special token in the vocabulary, so that no text contains it."""
_BLANK = "\u2581"
"""A space in a SentencePiece vocabulary."""
_EQUIVALENT = {**dict.fromkeys("“”„", '"'), **dict.fromkeys("‘’‚", "'"), **dict.fromkeys("—–―‐‑", "-")}
"""Common Chinese punctuation that Chinese BERT vocabularies lack and that NFKC does not change."""
_CACHE_SIZE = 1 << 15


@dataclass(frozen=True, kw_only=True)
class SpecialTokens:
    """The special tokens around a text, and the encoder's maximum length."""

    before: list[int]
    """Ids before the text: [CLS] in BERT."""
    after: list[int]
    """Ids after the text: [SEP] in BERT, <sep> <cls> in XLNet."""
    summary: int
    """Index of the token that represents the whole text: 0, or -1 for the last."""
    pad: int
    unknown: int | None
    """The id of [UNK]; None if the vocabulary falls back on bytes."""
    limit: int
    """Maximum number of tokens of one text, including special tokens."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Tokens:
    """T tokens, special tokens included, of a text of L characters."""

    ids: NDArray[np.int64]
    """[T]"""
    alignment: NDArray[np.float32]
    """[L, T]: the weights of a character's tokens in its vector, which sum to 1; all 0 if no token covers it."""
    whole: bool = True
    """False if tokens beyond the encoder's limit were cut off."""

    def __len__(self) -> int:
        return len(self.ids)


Piece = tuple[int, int, int]
"""An id and the characters [start, end) that it covers; start == end for a token that covers none."""


class AlignedTokenizer:
    """Tokenizes texts and aligns the tokens to characters. Special tokens typed in a text, such as [SEP], are text.

    Raises UsageError if the `tokenizers` library is missing.
    """

    def __init__(
        self, tokenizer: str, special_tokens: SpecialTokens, simplify: Callable[[str], str] | None = None
    ) -> None:
        """`tokenizer` is the content of a tokenizer.json; `simplify` maps a character to its simplified form."""
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            problem = _("a model with an encoder needs the tokenizers library, which is not installed")
            raise UsageError("", problem, _("run `{command}`", command="pip install tokenizers")) from error
        content = _without_special_tokens(json.loads(tokenizer), special_tokens)
        model = content["model"]
        self.special_tokens = special_tokens
        self._tokenizer = Tokenizer.from_str(json.dumps(content, ensure_ascii=False))
        self._tokenizer.encode_special_tokens = True
        self._longest_word: int | None = model.get("max_input_chars_per_word")  # only WordPiece has one
        vocabulary = enumerate(model["vocab"]) if isinstance(model["vocab"], list) else ()
        self._blanks = frozenset(i for i, (piece, *_) in vocabulary if not piece.strip(_BLANK))
        self._forms = _PlainForms(self._known, simplify)
        self._last: tuple[str, list[Piece]] = ("", [])

    @property
    def max_text_tokens(self) -> int:
        """Maximum number of tokens of a text, without special tokens."""
        return self.special_tokens.limit - len(self.special_tokens.before) - len(self.special_tokens.after)

    def encode(self, text: str) -> Tokens:
        """The tokens of a text; those beyond the encoder's limit are cut off. `fits` tests that in advance."""
        all_pieces, special_tokens = self._pieces(text), self.special_tokens
        pieces = all_pieces[: self.max_text_tokens]
        alignment = np.zeros(
            (len(text), len(special_tokens.before) + len(pieces) + len(special_tokens.after)), np.float32
        )
        for t, (_piece, start, end) in enumerate(pieces, len(special_tokens.before)):
            alignment[start:end, t] = 1.0
        alignment /= np.maximum(alignment.sum(1, keepdims=True), 1.0)
        ids = [*special_tokens.before, *(piece for piece, _, _ in pieces), *special_tokens.after]
        return Tokens(np.array(ids, np.int64), alignment, len(pieces) == len(all_pieces))

    def fits(self, text: str) -> bool:
        """Whether all tokens of the text are within the encoder's limit."""
        return len(self._pieces(text)) <= self.max_text_tokens

    def unknown(self, text: str) -> int:
        """The number of characters that only [UNK] covers."""
        return len(self.unknown_positions(text))

    def unknown_positions(self, text: str) -> list[int]:
        """The indices of the characters that only [UNK] covers, in order."""
        if self.special_tokens.unknown is None:
            return []
        unknown, known = set[int](), set[int]()
        for piece, start, end in self._pieces(text):
            (unknown if piece == self.special_tokens.unknown else known).update(range(start, end))
        return sorted(unknown - known)

    def _pieces(self, text: str) -> list[Piece]:
        last = self._last  # read once: threads may share a tokenizer
        if last[0] != text:
            plain = "".join(map(self._forms.__getitem__, text))
            cut = self._cut(plain, 0, len(text))
            pieces = [piece for original in cut for piece in self._corrected(plain, original)]
            last = self._last = text, _with_combining_characters(plain, pieces)
        return last[1]

    def _cut(self, plain: str, start: int, end: int) -> list[Piece]:
        """The library's tokens of plain[start:end]."""
        encoding = self._tokenizer.encode(plain[start:end], add_special_tokens=False)
        return [(piece, start + a, start + b) for piece, (a, b) in zip(encoding.ids, encoding.offsets, strict=True)]

    def _corrected(self, plain: str, original: Piece) -> Iterable[Piece]:
        """Splits the [UNK] of a word, and takes the spaces around a word out of its token."""
        piece, start, end = original
        if piece == self.special_tokens.unknown and end - start > 1 and self._longest_word is not None:
            return self._split_unknown(plain, start, end)
        covered = plain[start:end]
        if not (inner := covered.strip()):
            return (original,)
        if piece in self._blanks:
            return ((piece, start, start),)
        start += len(covered) - len(covered.lstrip())
        return ((piece, start, start + len(inner)),)

    def _split_unknown(self, plain: str, start: int, end: int) -> list[Piece]:
        """The tokens of a word that is [UNK] as a whole: its runs of known characters as words, the others singly."""
        assert self.special_tokens.unknown is not None and self._longest_word is not None
        pieces: list[Piece] = []
        while start < end:
            stop = start
            while stop < min(end, start + self._longest_word) and self._known(plain[stop]):
                stop += 1
            if stop == start:
                pieces += self._cut(plain, start, start + 1)
                start += 1
                continue
            run = self._cut(plain, start, stop)
            if any(piece == self.special_tokens.unknown for piece, _, _ in run):  # known alone, but not within a word
                run = [piece for i in range(start, stop) for piece in self._cut(plain, i, i + 1)]
            pieces, start = pieces + run, stop
        return pieces

    def _known(self, ch: str) -> bool:
        """Whether the character by itself has a token other than [UNK]."""
        ids = self._tokenizer.encode(ch, add_special_tokens=False).ids
        return bool(ids) and self.special_tokens.unknown not in ids


def _with_combining_characters(plain: str, pieces: list[Piece]) -> list[Piece]:
    """Lets a letter's token also cover its combining characters, which the library drops or composes with it."""
    following = len(plain)
    for k in reversed(range(len(pieces))):
        piece, start, end = pieces[k]
        while start < end < following and unicodedata.category(plain[end])[0] == "M":
            end += 1
        pieces[k], following = (piece, start, end), start
    return pieces


class _PlainForms(dict[str, str]):
    """Raw character -> the character to tokenize instead: a cache of bounded size that fills itself on a miss."""

    def __init__(self, known: Callable[[str], bool], simplify: Callable[[str], str] | None) -> None:
        super().__init__()
        self._known, self._simplify = known, simplify

    def __missing__(self, ch: str) -> str:
        form = self._form(ch)
        if len(self) < _CACHE_SIZE:
            self[ch] = form
        return form

    def _form(self, ch: str) -> str:
        if "\ud800" <= ch <= "\udfff":
            return REPLACEMENT
        if self._simplify is not None and len(simple := self._simplify(ch)) == 1:
            ch = simple
        if ch.isspace() or self._known(ch):
            return ch
        plain = unicodedata.normalize("NFKC", ch)
        variants = (plain, ch.lower(), plain.lower(), _EQUIVALENT.get(ch, ch))
        forms = [form[0] for form in variants if len(set(form)) == 1]  # one character; for … one of its dots
        return next((form for form in forms if self._known(form)), ch)


def _without_special_tokens(content: dict[str, Any], special_tokens: SpecialTokens) -> dict[str, Any]:
    """A tokenizer.json that adds no special tokens to a text, finds none in it, and neither pads nor truncates.

    A special token keeps its id but not its name; otherwise a SentencePiece vocabulary finds it where a text has <sep>.
    """
    model = content["model"]
    added = content.get("added_tokens") or []
    names = {token["content"] for token in added if token["special"]} - {model.get("unk_token")}
    ids = {*special_tokens.before, *special_tokens.after, special_tokens.pad}
    vocabulary = model["vocab"]
    if isinstance(vocabulary, list):
        vocabulary = [
            [_UNTYPABLE + piece if piece in names or i in ids else piece, *score]
            for i, (piece, *score) in enumerate(vocabulary)
        ]
    else:
        vocabulary = {_UNTYPABLE + piece if piece in names else piece: i for piece, i in vocabulary.items()}
    added = [
        {**token, "content": _UNTYPABLE + token["content"]} if token["content"] in names else token for token in added
    ]
    off = {"post_processor": None, "truncation": None, "padding": None}
    return {**content, **off, "added_tokens": added, "model": {**model, "vocab": vocabulary}}


@dataclass(frozen=True)
class UnknownCharacters:
    """The characters of texts that an encoder's vocabulary lacks."""

    share: float
    """Their share of all characters"""
    characters: list[str]
    """The most frequent ones, in descending order"""


def count_unknown(tokenizer: AlignedTokenizer, texts: Iterable[str], most: int = 8) -> UnknownCharacters:
    """The share of [UNK] characters in the texts, and the `most` most frequent ones."""
    characters, unknown = 0, Counter[str]()
    for text in texts:
        characters += len(text)
        unknown.update(text[i] for i in tokenizer.unknown_positions(text))
    return UnknownCharacters(sum(unknown.values()) / max(1, characters), [ch for ch, _ in unknown.most_common(most)])


def unknown_share(tokenizer: AlignedTokenizer, texts: Iterable[str]) -> float:
    """The share of the texts' characters that only [UNK] covers."""
    return count_unknown(tokenizer, texts, 0).share


def pad_tokens(batch: Sequence[Tokens], length: int) -> dict[str, NDArray[Any]]:
    """Pads the tokens of several texts to the longest: tokens and token_mask [B, T], alignment [B, length, T].

    Padding has id 0 and mask 0.
    """
    count, longest = len(batch), max(map(len, batch))
    ids, mask = np.zeros((count, longest), np.int64), np.zeros((count, longest), np.float32)
    alignment = np.zeros((count, length, longest), np.float32)
    for i, tokens in enumerate(batch):
        ids[i, : len(tokens)], mask[i, : len(tokens)] = tokens.ids, 1.0
        alignment[i, : len(tokens.alignment), : len(tokens)] = tokens.alignment
    return {"tokens": ids, "token_mask": mask, "alignment": alignment}


def to_json(tokenizer: str, special_tokens: SpecialTokens) -> str:
    """The content of tokens.json in a model directory."""
    return json.dumps(
        {"special_tokens": special_tokens.to_dict(), "tokenizer": json.loads(tokenizer)}, ensure_ascii=True
    )


def from_json(content: str, simplify: Callable[[str], str] | None = None) -> AlignedTokenizer:
    """The tokenizer of the content of a tokens.json."""
    fields = json.loads(content)
    return AlignedTokenizer(
        json.dumps(fields["tokenizer"], ensure_ascii=False), SpecialTokens(**fields["special_tokens"]), simplify
    )
