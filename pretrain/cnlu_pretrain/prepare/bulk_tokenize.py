"""Tokenizes many lines at once, with the same result as the tokenizer gives for each line alone.

A BERT tokenizer reads each Chinese character and punctuation mark by itself, so these are looked up in a table. The
runs of letters, digits and the like between them often repeat: each distinct run is tokenized once and cached. Other
kinds of tokenizers read every line themselves.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from cnlu.text.bulk_segment import code_points

_UNSEEN, _ALONE, _NOTHING, _RUN = range(4)
"""How the tokenizer reads a character: not known yet, as one token, not at all, or as part of a run."""
_CACHE_SIZE = 1 << 18
_NEIGHBOUR = "x"


class BulkTokenizer:
    """Tokenizes lines without adding special tokens."""

    def __init__(self, tokenizer: str) -> None:
        """`tokenizer` is the content of a tokenizer.json."""
        content = json.loads(tokenizer)
        content |= {"post_processor": None, "truncation": None, "padding": None}
        self._tokenizer = Tokenizer.from_str(json.dumps(content, ensure_ascii=False))
        self._tokenizer.encode_special_tokens = True
        self._bert = _is_bert(content)
        self._kinds = np.zeros(0x110000, np.uint8)
        self._ids = np.zeros(0x110000, np.int64)
        self._runs: dict[str, tuple[list[int], list[int]]] = {}

    def read(self, text: str, codes: NDArray[np.uint32] | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """([N] ids, [N] the first character of each token) of lines separated by line breaks."""
        codes = code_points(text) if codes is None else codes
        return self._read_bert(text, codes) if self._bert else self._read_lines(text)

    def _read_bert(self, text: str, codes: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        kinds = self._kinds[codes]
        if (kinds == _UNSEEN).any():
            self._classify(np.unique(codes[kinds == _UNSEEN]))
            kinds = self._kinds[codes]
        alone = np.flatnonzero(kinds == _ALONE)
        run = np.zeros(len(codes) + 2, bool)
        run[1:-1] = kinds == _RUN
        edges = np.flatnonzero(run[1:] != run[:-1]).tolist()
        ids: list[int] = []
        run_positions: list[int] = []
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            run_ids, offsets = self._run(text[start:end])
            ids += run_ids
            run_positions += offsets if not start else [start + offset for offset in offsets]
        positions = np.concatenate([alone, np.array(run_positions, np.int64)])
        order = np.argsort(positions, kind="stable")
        return np.concatenate([self._ids[codes[alone]], np.array(ids, np.int64)])[order], positions[order]

    def _run(self, run: str) -> tuple[list[int], list[int]]:
        cached = self._runs.get(run)
        if cached is None:
            encoded = self._tokenizer.encode(run, add_special_tokens=False)
            cached = encoded.ids, [start for start, _ in encoded.offsets]
            if len(self._runs) < _CACHE_SIZE:
                self._runs[run] = cached
        return cached

    def _classify(self, codes: NDArray[np.uint32]) -> None:
        """Find out how the tokenizer reads characters that are new."""
        normalizer, splitter = self._tokenizer.normalizer, self._tokenizer.pre_tokenizer
        for code in codes.tolist():
            if 0xD800 <= code <= 0xDFFF:
                self._kinds[code] = _NOTHING
                continue
            ch = chr(code)
            normal = normalizer.normalize_str(f"{_NEIGHBOUR}{ch}{_NEIGHBOUR}")
            words = [word for word, _ in splitter.pre_tokenize_str(normal)]
            apart = len(words) > 1 and words[0] == words[-1] == _NEIGHBOUR
            if not apart:
                self._kinds[code] = _RUN
                continue
            ids = self._tokenizer.encode(ch, add_special_tokens=False).ids
            self._kinds[code] = {0: _NOTHING, 1: _ALONE}.get(len(ids), _RUN)
            self._ids[code] = ids[0] if ids else 0

    def _read_lines(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        ids: list[int] = []
        positions: list[int] = []
        start = 0
        lines = [line.encode("utf-8", "replace").decode() for line in text.split("\n")]
        for line, encoded in zip(lines, self._tokenizer.encode_batch(lines, add_special_tokens=False), strict=True):
            ids += encoded.ids
            positions += [start + first for first, _ in encoded.offsets]
            start += len(line) + 1
        return np.array(ids, np.int64), np.array(positions, np.int64)


def _is_bert(content: dict[str, Any]) -> bool:
    """Whether the table of characters applies: a BERT tokenizer without added words."""
    added = [token["content"] for token in content.get("added_tokens") or () if not token["special"]]
    return (
        (content.get("normalizer") or {}).get("type") == "BertNormalizer"
        and content["normalizer"]["handle_chinese_chars"]
        and (content.get("pre_tokenizer") or {}).get("type") == "BertPreTokenizer"
        and content["model"].get("type", "WordPiece") == "WordPiece"
        and not added
    )
