"""Annotated spans that no answer can contain."""

from __future__ import annotations

from cnlu.data.schema import Example
from cnlu.text.view import View, view


def lost_spans(example: Example) -> int:
    """How many of an example's spans no tagging of the characters that are read can hold.

    The fewest that must go where spans overlap; those with an edge that is not read (a space, a final mark), those
    that are empty and those that reach beyond the text.
    """
    seen, free_from, kept = view(example.text), 0, 0
    for entity in sorted(example.entities, key=lambda e: e.end):
        if free_from <= entity.start and _is_read(seen, entity.start, entity.end):
            free_from, kept = entity.end, kept + 1
    return len(example.entities) - kept


def _is_read(seen: View, start: int, end: int) -> bool:
    """Whether a raw span is the one that its characters come back as."""
    first, last = seen.of_raw(start, end)
    return first < last and seen.to_raw(first, last) == (start, end)
