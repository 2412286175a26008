"""Normalization with an exact map to the raw text: one piece of output for every raw character.

Each character is normalized without its neighbours. So the offset map is exact, the result can be cached, and a lookup
entry is normalized in the same way as inside a sentence.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from cnlu.errors import UsageError
from cnlu.i18n import _

REPLACEMENT = "\ufffd"
"""Replaces a lone surrogate, which no encoding can write."""

_CACHE_SIZE = 1 << 15


@dataclass(frozen=True, slots=True)
class Normalized:
    """A raw text and its normalized form."""

    raw: str
    pieces: list[str]
    """The normalized form of each character of `raw`, never empty."""
    text: str
    """The pieces joined."""
    raw_of: list[int]
    """For each character of `text`, the index of the raw character it came from."""

    def to_raw(self, start: int, end: int) -> tuple[int, int]:
        """The raw span [start, end) that covers a span of `text`, snapped outwards to whole raw characters.

        Offsets beyond the text are clipped; an empty span stays empty.
        """
        size = len(self.raw_of)
        start, end = max(0, min(start, size)), max(0, min(end, size))
        if start >= end:
            raw_start = self.raw_of[start] if start < size else len(self.raw)
            return raw_start, raw_start
        return self.raw_of[start], self.raw_of[end - 1] + 1


@dataclass(frozen=True, slots=True)
class Normalizer:
    """Normalizes texts before features are computed.

    Raises UsageError if `simplify` is set and OpenCC is not installed.
    """

    width: bool = True
    """Full-width and other compatibility forms to plain ones (Unicode NFKC): Ｇ１２，to G12,"""
    case: bool = True
    """Capital letters to small ones."""
    simplify: bool = False
    """Traditional characters to simplified ones (OpenCC, the extra `cnlu[zh]`)."""

    def __post_init__(self) -> None:
        _piece_table(self.width, self.case, self.simplify)

    def normalize(self, raw: str) -> Normalized:
        """Normalize any string: control characters, NUL and lone surrogates keep their place."""
        pieces = list(map(_piece_table(self.width, self.case, self.simplify).__getitem__, raw))
        text = "".join(pieces)
        if len(text) == len(raw):  # no piece is empty, so every piece is one character
            return Normalized(raw, pieces, text, list(range(len(raw))))
        return Normalized(raw, pieces, text, [i for i, piece in enumerate(pieces) for _ in piece])


class _PieceTable(dict[str, str]):
    """Raw character -> piece: a cache of bounded size that fills itself on a miss."""

    def __init__(self, width: bool, case: bool, simplified: Callable[[str], str] | None) -> None:
        super().__init__()
        self.width, self.case, self.simplified = width, case, simplified

    def __missing__(self, ch: str) -> str:
        piece = self._piece(ch)
        if len(self) < _CACHE_SIZE:
            self[ch] = piece
        return piece

    def _piece(self, ch: str) -> str:
        if "\ud800" <= ch <= "\udfff":
            return REPLACEMENT
        piece = ch
        for _round in range(3):  # case folding can bring back a compatibility form, and NFKC a capital
            before = piece
            if self.width:
                piece = unicodedata.normalize("NFKC", piece)
            if self.simplified is not None:
                piece = "".join(map(self.simplified, piece))
            if self.case:
                piece = piece.casefold()
            if piece == before:
                break
        # A spacing accent such as ´ would turn into a space and a mark, which adds a word break.
        if not piece or (any(c.isspace() for c in piece) and not ch.isspace()):
            return ch
        return piece


@cache
def _piece_table(width: bool, case: bool, simplify: bool) -> _PieceTable:
    return _PieceTable(width, case, simplifier() if simplify else None)


def simplifier() -> Callable[[str], str]:
    """A function from one character to its simplified form; raises UsageError without OpenCC."""
    try:
        from opencc import OpenCC
    except ImportError as error:
        problem = _("turns traditional into simplified characters with OpenCC, which is not installed")
        fix = _("run `{command}`, or set it to false", command="pip install 'cnlu[zh]'")
        raise UsageError("text.simplify", problem, fix) from error
    convert = OpenCC("t2s").convert

    def simplified(ch: str) -> str:
        return str(convert(ch)) or ch

    return simplified
