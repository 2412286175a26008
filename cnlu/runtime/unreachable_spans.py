"""Annotated spans that no parse result can contain."""

from __future__ import annotations

from cnlu.data.schema import Example
from cnlu.text.view import View, view


def count_unreachable(example: Example) -> int:
    """The number of an example's spans that no tagging of its visible characters can produce.

    These are empty spans, spans that reach beyond the text, spans with an edge at a character that the model does not
    read (a space, a final punctuation mark), and the smallest number of spans without which no others overlap.
    """
    visible, free_from, reachable = view(example.text), 0, 0
    for entity in sorted(example.entities, key=lambda e: e.end):
        if free_from <= entity.start and _is_reachable(visible, entity.start, entity.end):
            free_from, reachable = entity.end, reachable + 1
    return len(example.entities) - reachable


def _is_reachable(visible: View, start: int, end: int) -> bool:
    """Whether converting a raw span to visible characters and back gives the same span."""
    first, last = visible.of_raw(start, end)
    return first < last and visible.to_raw(first, last) == (start, end)
