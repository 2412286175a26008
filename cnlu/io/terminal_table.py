"""Aligned columns in a terminal, also for Chinese text, whose characters are two columns wide."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def display_width(text: str) -> int:
    """Terminal columns: two for wide and full-width characters, none for combining ones."""
    return sum(_columns(ch) for ch in text)


def _columns(ch: str) -> int:
    if unicodedata.combining(ch):
        return 0
    return 2 if unicodedata.east_asian_width(ch) in "WF" else 1


def pad(text: str, width: int) -> str:
    """The text padded on the right to `width` columns."""
    return text + " " * (width - display_width(text))


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with the first column aligned left and the others aligned right."""
    widths = [max(display_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for name, *cells in rows:
        figures = [" " * (width - display_width(cell)) + cell for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([pad(name, widths[0]), *figures]))
    return lines
