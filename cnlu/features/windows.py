"""Splits long texts into overlapping windows; the window with most context for a character labels it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """The model reads the characters [start, end) and keeps the labels of [keep_start, keep_end)."""

    start: int
    end: int
    keep_start: int
    keep_end: int


def windows(length: int, size: int) -> list[Window]:
    """Windows of at most `size` characters that overlap by a quarter; their kept parts tile [0, length).

    A text that fits is one window. Two windows each keep half of their overlap, so every kept character has at least an
    eighth of a window as context on either side, unless the text ends there.
    """
    if length <= size:
        return [Window(0, length, 0, length)]
    overlap = size // 4
    starts = [*range(0, length - size, size - overlap), length - size]
    tiles = []
    for k, start in enumerate(starts):
        keep_start = (start + starts[k - 1] + size) // 2 if k else 0
        keep_end = (starts[k + 1] + start + size) // 2 if k + 1 < len(starts) else length
        tiles.append(Window(start, start + size, keep_start, keep_end))
    return tiles


@dataclass(frozen=True)
class Plan:
    """The windows of a text for its entities, and the part of a long text for its intent."""

    windows: list[Window]
    intent: list[tuple[int, int]]
    """Spans whose concatenated text gives the intent; empty if the text has only one window, which gives it then."""

    def intent_text(self, text: str) -> str:
        return "".join(text[start:end] for start, end in self.intent)


MIN_WINDOW = 8
"""Minimum number of characters of a window; an encoder with a lower limit cuts off tokens."""


def plan(text: str, size: int, part: str, fits: Callable[[str], bool] | None = None) -> Plan:
    """Windows of at most `size` characters; `size` is halved until `fits` accepts all texts (it counts tokens).

    `part`: what gives the intent of a long text: head, tail, or head+tail (half from either end).
    """
    while True:
        candidate = Plan(windows(len(text), size), _intent_spans(len(text), size, part))
        texts = [text[w.start : w.end] for w in candidate.windows] + [candidate.intent_text(text)]
        if fits is None or size <= MIN_WINDOW or all(map(fits, texts)):
            return candidate
        size //= 2


def _intent_spans(length: int, size: int, part: str) -> list[tuple[int, int]]:
    if length <= size:
        return []
    head = {"head": size, "tail": 0, "head+tail": (size + 1) // 2}[part]
    return [span for span in ((0, head), (length - (size - head), length)) if span[0] < span[1]]
