"""Vocabularies of one's own: characters counted in the text, and words added to an encoder's."""

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
from cnlu.text.bulk_segment import CHINESE, DIGIT, LETTER, code_points, kinds_of
from cnlu.text.chars import char_type

MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

Content = dict[str, Any]


class CharacterCounts:
    """How often each character occurs."""

    def __init__(self) -> None:
        self._counts = np.zeros(0x110000, np.int64)

    def add(self, texts: Iterable[str]) -> None:
        self.merge(*np.unique(code_points("".join(texts)), return_counts=True))

    def merge(self, codes: NDArray[np.uint32], counts: NDArray[np.int64]) -> None:
        self._counts[codes] += counts

    def vocabulary(self, size: int) -> list[str]:
        """At most `size` pieces: the marks, then single characters, the most frequent first, lower-cased.

        Latin letters and digits also come as continuations (##a), so that every word of them can be spelled.
        """
        counts: dict[str, int] = {}
        for code in np.flatnonzero(self._counts).tolist():
            ch = chr(code).lower()
            if len(ch) == 1 and char_type(ch) not in ("space", "control") and not 0xD800 <= code <= 0xDFFF:
                counts[ch] = counts.get(ch, 0) + int(self._counts[code])
        pieces = list(MARKS)
        for ch in sorted(counts, key=lambda ch: (-counts[ch], ch)):
            kind = kinds_of(code_points(ch))[0]
            pieces += [ch, f"##{ch}"] if kind in (LETTER, DIGIT) else [ch]
        return pieces[:size]


def new_tokenizer(counts: CharacterCounts, size: int) -> Content:
    """A character-level BERT tokenizer; raises UsageError where `size` leaves no room for characters."""
    if size < 2 * len(MARKS):
        raise UsageError(f"--new-vocab {size}: leaves no room beside the {len(MARKS)} marks; a few thousand are usual.")
    pieces = counts.vocabulary(size)
    special_tokens = [
        {
            "id": i,
            "content": mark,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for i, mark in enumerate(MARKS)
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special_tokens,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [_mark("[CLS]"), _sequence("A", 0), _mark("[SEP]")],
            "pair": [_mark("[CLS]"), _sequence("A", 0), _mark("[SEP]"), _sequence("B", 1), _mark("[SEP]", 1)],
            "special_tokens": {m: {"id": m, "ids": [MARKS.index(m)], "tokens": [m]} for m in ("[CLS]", "[SEP]")},
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {piece: i for i, piece in enumerate(pieces)},
        },
    }


def _mark(name: str, kind: int = 0) -> Content:
    return {"SpecialToken": {"id": name, "type_id": kind}}


def _sequence(name: str, kind: int) -> Content:
    return {"Sequence": {"id": name, "type_id": kind}}


def added(content: Content, path: Path) -> tuple[Content, dict[str, list[int]], list[str]]:
    """(the tokenizer with the file's words, the ids that each new one was read as before, notes).

    A line of the file is a token. A single character or a run of letters enters the vocabulary itself, words of several
    Chinese characters become added tokens, which are found as a whole wherever they stand. New ids follow the old.
    Raises DataError and UsageError for a file that cannot be used.
    """
    words = _read_words(path)
    old = Tokenizer.from_str(json.dumps(content, ensure_ascii=False))
    known = old.get_vocab(with_added_tokens=True)
    vocabulary = content["model"]["vocab"]
    if not isinstance(vocabulary, dict):
        raise UsageError(f"--add-tokens {path}: tokens cannot be added to a vocabulary of this kind (Unigram).")
    lower = bool((content.get("normalizer") or {}).get("lowercase"))
    wanted = dict.fromkeys(word.lower() if lower else word for word in words)
    fresh = [word for word in wanted if word not in known]
    phrases = [word for word in fresh if len(word) > 1 and (kinds_of(code_points(word)) == CHINESE).any()]
    single = [word for word in fresh if word not in set(phrases)]
    ids = dict(zip([*single, *phrases], itertools.count(max(known.values()) + 1)))
    pieces = {word: old.encode(word, add_special_tokens=False).ids for word in ids}
    model = {**vocabulary, **{word: ids[word] for word in single}}
    tokens = [
        *(content.get("added_tokens") or ()),
        *(
            {
                "id": ids[word],
                "content": word,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": True,
                "special": False,
            }
            for word in phrases
        ),
    ]
    present = len(wanted) - len(fresh)
    notes = [f"{path}: {present} of its tokens are in the vocabulary already."] if present else []
    return {**content, "model": {**content["model"], "vocab": model}, "added_tokens": tokens}, pieces, notes


def _read_words(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except FileNotFoundError as error:
        raise UsageError(f"--add-tokens {path}: there is no such file; check the path.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--add-tokens {path}: cannot be read as UTF-8; convert the file.") from error
    words = []
    for number, line in enumerate(lines, 1):
        word = line.strip()
        if any(ch.isspace() for ch in word) or len(word) > 64:
            raise DataError(f"{path}:{number}: is no token, which has neither spaces nor more than 64 characters.")
        words += [word] if word else []
    if not words:
        raise DataError(f"{path}: holds no tokens; write one a line.")
    return words
