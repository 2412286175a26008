"""New vocabularies: characters counted in the text, or an encoder's vocabulary with added words."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from cnlu.errors import DataError, UsageError
from cnlu.i18n import _
from cnlu.text.bulk_segment import CHINESE, DIGIT, LETTER, code_points, kinds_of
from cnlu.text.chars import char_type

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

Content = dict[str, Any]


class CharacterCounts:
    """The number of occurrences of each character."""

    def __init__(self) -> None:
        self._counts = np.zeros(0x110000, np.int64)

    def add(self, texts: Iterable[str]) -> None:
        self.merge(*np.unique(code_points("".join(texts)), return_counts=True))

    def merge(self, codes: NDArray[np.uint32], counts: NDArray[np.int64]) -> None:
        self._counts[codes] += counts

    def vocabulary(self, size: int) -> list[str]:
        """At most `size` pieces: special tokens, then single lower-cased characters, the most frequent first.

        Latin letters and digits also appear as continuations (##a), so that every word can be spelled with them.
        """
        counts: dict[str, int] = {}
        for code in np.flatnonzero(self._counts).tolist():
            ch = chr(code).lower()
            if len(ch) == 1 and char_type(ch) not in ("space", "control") and not 0xD800 <= code <= 0xDFFF:
                counts[ch] = counts.get(ch, 0) + int(self._counts[code])
        pieces = list(SPECIAL_TOKENS)
        for ch in sorted(counts, key=lambda ch: (-counts[ch], ch)):
            kind = kinds_of(code_points(ch))[0]
            pieces += [ch, f"##{ch}"] if kind in (LETTER, DIGIT) else [ch]
        return pieces[:size]


def new_tokenizer(counts: CharacterCounts, size: int) -> Content:
    """A character-level BERT tokenizer; raises UsageError if `size` leaves no room for characters."""
    if size < 2 * len(SPECIAL_TOKENS):
        raise UsageError(
            f"--new-vocab {size}",
            _("leaves no room beside the {count} special tokens", count=len(SPECIAL_TOKENS)),
            _("give a few thousand"),
        )
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added_token(token, i, special=True) for i, token in enumerate(SPECIAL_TOKENS)],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": _bert_template(),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {piece: i for i, piece in enumerate(counts.vocabulary(size))},
        },
    }


def _bert_template() -> Content:
    """The post-processor that puts [CLS] and [SEP] around one text or two."""

    def special(name: str, type_id: int = 0) -> Content:
        return {"SpecialToken": {"id": name, "type_id": type_id}}

    first, second = ({"Sequence": {"id": name, "type_id": type_id}} for type_id, name in enumerate("AB"))
    single = [special("[CLS]"), first, special("[SEP]")]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, second, special("[SEP]", 1)],
        "special_tokens": {
            name: {"id": name, "ids": [SPECIAL_TOKENS.index(name)], "tokens": [name]} for name in ("[CLS]", "[SEP]")
        },
    }


def _added_token(word: str, number: int, special: bool) -> Content:
    return {
        "id": number,
        "content": word,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": not special,
        "special": special,
    }


def add_words(content: Content, path: Path) -> tuple[Content, dict[str, list[int]], list[str]]:
    """Add the words of a file, one per line; returns (tokenizer, the old ids of each new word, notes).

    A single character or a run of letters becomes part of the vocabulary. A word of several Chinese characters becomes
    an added token, which is matched as a whole wherever it occurs. New ids follow the existing ones. Raises DataError
    and UsageError for a file that cannot be used.
    """
    words = _read_words(path)
    old = Tokenizer.from_str(json.dumps(content, ensure_ascii=False))
    known = old.get_vocab(with_added_tokens=True)
    vocabulary = content["model"]["vocab"]
    if not isinstance(vocabulary, dict):
        raise UsageError("--add-tokens", _("a vocabulary of this kind (Unigram) cannot be extended"), _("leave it out"))
    lower = bool((content.get("normalizer") or {}).get("lowercase"))
    unique = dict.fromkeys(word.lower() if lower else word for word in words)
    new = [word for word in unique if word not in known]
    phrases = [word for word in new if len(word) > 1 and (kinds_of(code_points(word)) == CHINESE).any()]
    single = [word for word in new if word not in set(phrases)]
    ids = dict(zip([*single, *phrases], itertools.count(max(known.values()) + 1)))
    pieces = {word: old.encode(word, add_special_tokens=False).ids for word in ids}
    model = {**content["model"], "vocab": {**vocabulary, **{word: ids[word] for word in single}}}
    added = (_added_token(word, ids[word], special=False) for word in phrases)
    tokens = [*(content.get("added_tokens") or ()), *added]
    present = len(unique) - len(new)
    notes = [f"{path}: {present} of its tokens are in the vocabulary already."] if present else []
    return {**content, "model": model, "added_tokens": tokens}, pieces, notes


def _read_words(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except FileNotFoundError as error:
        raise UsageError(f"--add-tokens {path}", _("no such file"), _("check the path")) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"--add-tokens {path}", _("the file cannot be read as UTF-8"), _("convert it to UTF-8")
        ) from error
    words = []
    for number, line in enumerate(lines, 1):
        word = line.strip()
        if any(ch.isspace() for ch in word) or len(word) > 64:
            raise DataError(
                f"{path}:{number}",
                _("this is not a token"),
                _("write one token per line, without spaces and of at most 64 characters"),
            )
        words += [word] if word else []
    if not words:
        raise DataError(path, _("the file holds no tokens"), _("write one per line"))
    return words
