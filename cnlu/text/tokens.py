"""Tokenizes a text for an encoder and aligns the tokens to raw characters.

Runs on the `tokenizers` library alone, so a trained model needs no transformers to be used.

The text that is cut has as many characters as the raw one, so the library's offsets are raw offsets. Four things are
put right on the way: marks typed in a text stay text; a character that the vocabulary lacks is read in its plain form
(full-width, capital, curly quote) where it knows that; a word is not lost as a whole for one strange character in it;
and the blank that stands before a word in some vocabularies covers no character but a space.
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

_NOBODY = "\uffff\ufffe"
"""Put before the name of a mark in the vocabulary, so that no text spells it."""
_BLANK = "\u2581"
"""How vocabularies of the SentencePiece kind write a space."""
_EQUIVALENT = {**dict.fromkeys("“”„", '"'), **dict.fromkeys("‘’‚", "'"), **dict.fromkeys("—–―‐‑", "-")}
"""Punctuation of every Chinese text that the vocabularies of Chinese BERTs lack, and that NFKC leaves as it is."""
_CACHE_SIZE = 1 << 15


@dataclass(frozen=True, kw_only=True)
class SpecialTokens:
    """The special tokens around a text, and the encoder's maximum length."""

    before: list[int]
    """Ids put in front: [CLS] in BERT."""
    after: list[int]
    """Ids put behind: [SEP] in BERT, <sep> <cls> in XLNet."""
    summary: int
    """Where the token that stands for the whole text is: 0, or -1 for the last."""
    pad: int
    unknown: int | None
    """The id of [UNK]; None where the vocabulary has bytes to fall back on."""
    limit: int
    """Most tokens of one text, marks included."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Tokens:
    """T tokens, special tokens included, of a text of L characters."""

    ids: NDArray[np.int64]
    """[T]"""
    alignment: NDArray[np.float32]
    """[L, T]: a character's vector is this mean of its tokens' vectors; all 0 for a character that none covers."""
    whole: bool = True
    """False where the encoder's limit cut tokens off."""

    def __len__(self) -> int:
        return len(self.ids)


Piece = tuple[int, int, int]
"""An id and the characters [start, end) that it covers; start == end for a token that covers none."""


class AlignedTokenizer:
    """Texts to tokens, aligned to raw characters. Marks such as [SEP] typed in a text are plain text.

    Raises UsageError where the `tokenizers` library is missing.
    """

    def __init__(
        self, tokenizer: str, special_tokens: SpecialTokens, simplify: Callable[[str], str] | None = None
    ) -> None:
        """`tokenizer` is the content of a tokenizer.json; `simplify` maps a character to its simplified form."""
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            problem = _("a model with an encoder needs the tokenizers library, which is not installed")
            raise UsageError("", problem, _("run `{command}`", command="pip install 'cnlu[encoder]'")) from error
        content = _without_accents(json.loads(tokenizer), special_tokens)
        model = content["model"]
        self.special_tokens = special_tokens
        self._tokenizer = Tokenizer.from_str(json.dumps(content, ensure_ascii=False))
        self._tokenizer.encode_special_tokens = True
        self._longest_word: int | None = model.get("max_input_chars_per_word")  # only word-pieces have a longest word
        vocabulary = enumerate(model["vocab"]) if isinstance(model["vocab"], list) else ()
        self._blanks = frozenset(i for i, (piece, *_) in vocabulary if not piece.strip(_BLANK))
        self._forms = _Forms(self._known, simplify)
        self._last: tuple[str, list[Piece]] = ("", [])

    @property
    def room(self) -> int:
        """Most tokens of a text's own."""
        return self.special_tokens.limit - len(self.special_tokens.before) - len(self.special_tokens.after)

    def read(self, text: str) -> Tokens:
        """Tokens beyond the encoder's limit are cut off; `fits` tells beforehand."""
        found, special_tokens = self._pieces(text), self.special_tokens
        pieces = found[: self.room]
        alignment = np.zeros(
            (len(text), len(special_tokens.before) + len(pieces) + len(special_tokens.after)), np.float32
        )
        for t, (_piece, start, end) in enumerate(pieces, len(special_tokens.before)):
            alignment[start:end, t] = 1.0
        alignment /= np.maximum(alignment.sum(1, keepdims=True), 1.0)
        ids = [*special_tokens.before, *(piece for piece, _, _ in pieces), *special_tokens.after]
        return Tokens(np.array(ids, np.int64), alignment, len(pieces) == len(found))

    def fits(self, text: str) -> bool:
        """Whether all tokens of the text are within the encoder's limit."""
        return len(self._pieces(text)) <= self.room

    def unknown(self, text: str) -> int:
        """How many characters are covered by nothing but [UNK]."""
        return len(self.lost(text))

    def lost(self, text: str) -> list[int]:
        """Which characters are covered by nothing but [UNK], in order."""
        if self.special_tokens.unknown is None:
            return []
        lost, read = set[int](), set[int]()
        for piece, start, end in self._pieces(text):
            (lost if piece == self.special_tokens.unknown else read).update(range(start, end))
        return sorted(lost - read)

    def _pieces(self, text: str) -> list[Piece]:
        last = self._last  # taken once: threads may share a reader
        if last[0] != text:
            readable = "".join(map(self._forms.__getitem__, text))
            pieces = [piece for found in self._cut(readable, 0, len(text)) for piece in self._repaired(readable, found)]
            last = self._last = text, _with_accents(readable, pieces)
        return last[1]

    def _cut(self, readable: str, start: int, end: int) -> list[Piece]:
        """The library's tokens of readable[start:end]."""
        found = self._tokenizer.encode(readable[start:end], add_special_tokens=False)
        return [(piece, start + a, start + b) for piece, (a, b) in zip(found.ids, found.offsets, strict=True)]

    def _repaired(self, readable: str, found: Piece) -> Iterable[Piece]:
        piece, start, end = found
        if piece == self.special_tokens.unknown and end - start > 1 and self._longest_word is not None:
            return self._spelled(readable, start, end)
        covered = readable[start:end]
        if not (inner := covered.strip()):
            return (found,)
        if piece in self._blanks:
            return ((piece, start, start),)
        start += len(covered) - len(covered.lstrip())
        return ((piece, start, start + len(inner)),)

    def _spelled(self, readable: str, start: int, end: int) -> list[Piece]:
        """A word that is [UNK] as a whole: its runs of known characters as words, the others one by one."""
        assert self.special_tokens.unknown is not None and self._longest_word is not None
        pieces: list[Piece] = []
        while start < end:
            stop = start
            while stop < min(end, start + self._longest_word) and self._known(readable[stop]):
                stop += 1
            if stop == start:
                pieces += self._cut(readable, start, start + 1)
                start += 1
                continue
            run = self._cut(readable, start, stop)
            if any(piece == self.special_tokens.unknown for piece, _, _ in run):  # known alone, yet not within a word
                run = [piece for i in range(start, stop) for piece in self._cut(readable, i, i + 1)]
            pieces, start = pieces + run, stop
        return pieces

    def _known(self, ch: str) -> bool:
        """Whether the character alone is some token, and not [UNK]."""
        ids = self._tokenizer.encode(ch, add_special_tokens=False).ids
        return bool(ids) and self.special_tokens.unknown not in ids


def _with_accents(readable: str, pieces: list[Piece]) -> list[Piece]:
    """A combining mark that no token covers, dropped or composed with its letter, is covered by the letter's token."""
    following = len(readable)
    for k in reversed(range(len(pieces))):
        piece, start, end = pieces[k]
        while start < end < following and unicodedata.category(readable[end])[0] == "M":
            end += 1
        pieces[k], following = (piece, start, end), start
    return pieces


class _Forms(dict[str, str]):
    """Raw character -> the one read in its place; fills itself on a miss, up to a size that input cannot outgrow."""

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
        spelled = (plain, ch.lower(), plain.lower(), _EQUIVALENT.get(ch, ch))
        forms = [form[0] for form in spelled if len(set(form)) == 1]  # one character, or … as one of its dots
        return next((form for form in forms if self._known(form)), ch)


def _without_accents(content: dict[str, Any], special_tokens: SpecialTokens) -> dict[str, Any]:
    """A tokenizer.json that puts no mark around a text, finds none in it, and neither pads nor cuts off.

    A mark keeps its id and loses its name; otherwise a vocabulary of the SentencePiece kind reads a typed <sep> as one.
    """
    model = content["model"]
    added = content.get("added_tokens") or []
    names = {token["content"] for token in added if token["special"]} - {model.get("unk_token")}
    ids = {*special_tokens.before, *special_tokens.after, special_tokens.pad}
    vocabulary = model["vocab"]
    if isinstance(vocabulary, list):
        vocabulary = [
            [_NOBODY + piece if piece in names or i in ids else piece, *score]
            for i, (piece, *score) in enumerate(vocabulary)
        ]
    else:
        vocabulary = {_NOBODY + piece if piece in names else piece: i for piece, i in vocabulary.items()}
    added = [
        {**token, "content": _NOBODY + token["content"]} if token["content"] in names else token for token in added
    ]
    off = {"post_processor": None, "truncation": None, "padding": None}
    return {**content, **off, "added_tokens": added, "model": {**model, "vocab": vocabulary}}


@dataclass(frozen=True)
class Unknown:
    """The characters of some texts that an encoder's vocabulary lacks."""

    share: float
    """Of all characters."""
    characters: list[str]
    """The most frequent of them, the first most often."""


def count_unknown(reader: AlignedTokenizer, texts: Iterable[str], most: int = 8) -> Unknown:
    """The share of [UNK] characters in the texts, and which they are, at most `most` of them."""
    characters, lost = 0, Counter[str]()
    for text in texts:
        characters += len(text)
        lost.update(text[i] for i in reader.lost(text))
    return Unknown(sum(lost.values()) / max(1, characters), [ch for ch, _ in lost.most_common(most)])


def unknown_share(reader: AlignedTokenizer, texts: Iterable[str]) -> float:
    """The share of the texts' characters that are nothing but [UNK] to the encoder."""
    return count_unknown(reader, texts, 0).share


def pad_tokens(found: Sequence[Tokens], length: int) -> dict[str, NDArray[Any]]:
    """Several texts' tokens filled up to the longest: tokens and token_mask [B, T], alignment [B, length, T].

    Padding has id 0, which no mask lets count.
    """
    count, longest = len(found), max(map(len, found))
    ids, mask = np.zeros((count, longest), np.int64), np.zeros((count, longest), np.float32)
    alignment = np.zeros((count, length, longest), np.float32)
    for i, one in enumerate(found):
        ids[i, : len(one)], mask[i, : len(one)] = one.ids, 1.0
        alignment[i, : len(one.alignment), : len(one)] = one.alignment
    return {"tokens": ids, "token_mask": mask, "alignment": alignment}


def to_json(tokenizer: str, special_tokens: SpecialTokens) -> str:
    """The content of tokens.json in a model directory."""
    return json.dumps(
        {"special_tokens": special_tokens.to_dict(), "tokenizer": json.loads(tokenizer)}, ensure_ascii=True
    )


def from_json(content: str, simplify: Callable[[str], str] | None = None) -> AlignedTokenizer:
    found = json.loads(content)
    return AlignedTokenizer(
        json.dumps(found["tokenizer"], ensure_ascii=False), SpecialTokens(**found["special_tokens"]), simplify
    )
