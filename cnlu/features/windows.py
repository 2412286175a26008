"""Long texts in overlapping windows, each character answered for by the window that sees it best."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """Characters [start, end) are looked at; those in [keep_start, keep_end) are answered for."""

    start: int
    end: int
    keep_start: int
    keep_end: int


def windows(length: int, size: int) -> list[Window]:
    """Windows of at most `size` characters that overlap by a quarter; their kept parts tile [0, length).

    A text that fits is one window. Where two overlap, each keeps its half, so every kept character has at
    least an eighth of a window's width of context on either side, or the end of the text.
    """
    if length <= size:
        return [Window(0, length, 0, length)]
    overlap = size // 4
    starts = [*range(0, length - size, size - overlap), length - size]
    found = []
    for k, start in enumerate(starts):
        keep_start = (start + starts[k - 1] + size) // 2 if k else 0
        keep_end = (starts[k + 1] + start + size) // 2 if k + 1 < len(starts) else length
        found.append(Window(start, start + size, keep_start, keep_end))
    return found
