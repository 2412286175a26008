"""Splits long texts into overlapping windows; each character is labelled by the window that has most context for it."""

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


@dataclass(frozen=True)
class Plan:
    """The windows of a text for its entities, and the part of a long text for its intent."""

    windows: list[Window]
    intent: list[tuple[int, int]]
    """Spans whose joined text the intent is read from; empty where the only window serves."""

    def intent_text(self, text: str) -> str:
        return "".join(text[start:end] for start, end in self.intent)


SMALLEST = 8  # characters of a window; an encoder that cannot take so few cuts them


def plan(text: str, size: int, part: str, fits: Callable[[str], bool] | None = None) -> Plan:
    """Windows of at most `size` characters, halved until each fits what reads them (an encoder counts in tokens).

    `part` of a long text tells the intent: head, tail, or head+tail (half from either end).
    """
    while True:
        found = Plan(windows(len(text), size), _intent_spans(len(text), size, part))
        whole = [text[w.start : w.end] for w in found.windows] + [found.intent_text(text)]
        if fits is None or size <= SMALLEST or all(map(fits, whole)):
            return found
        size //= 2


def _intent_spans(length: int, size: int, part: str) -> list[tuple[int, int]]:
    if length <= size:
        return []
    head = {"head": size, "tail": 0, "head+tail": (size + 1) // 2}[part]
    return [span for span in ((0, head), (length - (size - head), length)) if span[0] < span[1]]
