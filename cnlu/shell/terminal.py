"""Text for a terminal: escaping, display width, alignment and colour."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TextIO

_JOINER = "\u200d"  # between the parts of one emoji, such as a family's members
_EMOJI_PRESENTATION = "\ufe0f"  # shows a narrow character as a wide emoji: ❤️
_SKIN = range(0x1F3FB, 0x1F400)
_SAFE = frozenset({_JOINER, "\u3000", "\xa0"})  # unprintable to Python, harmless to a terminal


def visible(text: str) -> str:
    """`text` with control characters as escapes, such as `\\x1b` or `\\u202e`."""
    return "".join(ch if ch.isprintable() or ch in _SAFE else ascii(ch)[1:-1] for ch in text)


def width(text: str) -> int:
    """Columns that a visible text takes: two for a Chinese character, none for a combining mark.

    An emoji sequence counts as one emoji, as current terminals draw it.
    """
    columns, previous, joined = 0, 0, False
    for ch in text:
        if joined or (ord(ch) in _SKIN and previous == 2):
            joined = False
        elif ch == _EMOJI_PRESENTATION:
            columns += previous == 1
            previous = 2 if previous else 0
        elif ch == _JOINER:
            joined = previous == 2
        elif unicodedata.category(ch) not in ("Mn", "Me", "Cf"):
            previous = 2 if unicodedata.east_asian_width(ch) in "WF" else 1
            columns += previous
    return columns


def aligned(rows: Sequence[Sequence[str]], gap: str = "  ") -> list[str]:
    """The rows as lines with aligned columns; empty columns are left out."""
    columns = [column for column in zip(*rows, strict=True) if any(column)]
    widths = [max(map(width, column)) for column in columns]
    return [
        gap.join(cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True)).rstrip()
        for row in zip(*columns, strict=True)
    ]


def wants_colour(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether to colour output to `stream`: it is a capable terminal, and NO_COLOR is not set."""
    if environment.get("NO_COLOR") or environment.get("TERM") == "dumb" or not stream.isatty():
        return False
    return os.name != "nt" or "WT_SESSION" in environment  # the old Windows console prints the codes


def coloured(text: str, code: str) -> str:
    """`text` in the colour of an ANSI code such as `1;36`."""
    return f"\x1b[{code}m{text}\x1b[0m"


def can_show(text: str, stream: TextIO) -> bool:
    """Whether the stream's encoding can represent the text."""
    try:
        text.encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
