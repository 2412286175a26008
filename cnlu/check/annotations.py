"""Annotated spans that cannot be learned, or whose edges are beside what is meant."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from cnlu.check.corpus import Corpus, Line, cover, surface
from cnlu.check.findings import Finding
from cnlu.data.schema import Entity, Example
from cnlu.io.messages import shown
from cnlu.text.chars import char_type

_LOOSE = "，。！？、；：…,!?;:～~·—"
_BRACKETS = {pair[0]: pair[1] for pair in ("（）", "()", "《》", "〈〉", "“”", "‘’", "「」", "『』", "【】", "[]")}
_OPENING = {closing: opening for opening, closing in _BRACKETS.items()}


def find_bad_spans(corpus: Corpus) -> Iterator[Finding]:
    """`overlapping-entities`, `misplaced-span`, `loose-span`, `cut-span`; of training and of the test."""
    for lines in corpus.parts:
        for line in lines:
            yield from _overlaps(line)
            covered = cover(line.example)
            for entity in line.example.entities:
                yield from _misplaced(line.example, entity)
                yield from _loose(line.example, entity)
                yield from _cut(line.example, entity, covered)


def _overlaps(line: Line) -> Iterator[Finding]:
    example = line.example
    for one, two in pairwise(sorted(example.entities, key=lambda entity: (entity.start, -entity.end))):
        if two.start < one.end:
            problem = f"has {_named(example, one)} and {_named(example, two)}, which overlap"
            yield Finding("overlapping-entities", example.source, example.text, problem, "annotate one of them")


def _misplaced(example: Example, entity: Entity) -> Iterator[Finding]:
    """A value that is not the surface is usually what it stands for; here it stands in the text, but elsewhere."""
    covered, value = surface(example, entity), entity.value
    if value == covered or not value:
        return
    if why := _other_units(example.text, entity):
        problem = f"has the value {shown(value)} on {_named(example, entity)}: its offsets count {why}"
        yield Finding("misplaced-span", example.source, example.text, problem, "count characters")
        return
    # Where it would meet the span; elsewhere in the text it may well stand too.
    first, last = max(0, entity.start - len(value) + 1), entity.end + len(value) - 1
    at = example.text.find(value, first, last)
    while at >= 0:
        end = at + len(value)
        if not (entity.start <= at and end <= entity.end):  # a canonical name inside its surface is fine
            problem = f"has the value {shown(value)} at {at}-{end}, but {_named(example, entity)} is annotated"
            yield Finding("misplaced-span", example.source, example.text, problem, f"annotate {at}-{end}")
            return
        at = example.text.find(value, at + 1, last)


def _other_units(text: str, entity: Entity) -> str | None:
    """What the offsets count, where they cover the value if they count something else than characters."""
    for what, encoding, width in (
        ("bytes of UTF-8", "utf-8", 1),
        ("UTF-16 units, of which an emoji is two", "utf-16-le", 2),
    ):
        units = _encoded(text, encoding)[entity.start * width : entity.end * width]
        if units == entity.value.encode(encoding, "surrogatepass"):
            return what
    return None


@lru_cache(2)
def _encoded(text: str, encoding: str) -> bytes:
    return text.encode(encoding, "surrogatepass")


def _loose(example: Example, entity: Entity) -> Iterator[Finding]:
    covered = surface(example, entity)
    start, end = 0, len(covered)
    while start < end and _comes_off(covered, start, start, end):
        start += 1
    while start < end and _comes_off(covered, end - 1, start, end):
        end -= 1
    if start == 0 and end == len(covered):
        return
    if start >= end:
        problem, fix = f"has {_named(example, entity)}, which is nothing but punctuation", "remove the annotation"
    else:
        problem = f"has {_named(example, entity)}, with a space or punctuation at its edge"
        fix = f"annotate {shown(covered[start:end])} at {entity.start + start}-{entity.start + end}"
    yield Finding("loose-span", example.source, example.text, problem, fix)


def _comes_off(covered: str, at: int, start: int, end: int) -> bool:
    """Whether the character at an edge is surely no part of a name; brackets and quotes that close may be."""
    ch, inside = covered[at], covered[start:end]
    if ch.isspace() or ch in _LOOSE:
        return True
    if ch in _BRACKETS:
        return _BRACKETS[ch] not in inside
    return ch in _OPENING and _OPENING[ch] not in inside


def _cut(example: Example, entity: Entity, covered: bytearray) -> Iterator[Finding]:
    text = example.text
    for at, outside in ((entity.start, entity.start - 1), (entity.end, entity.end)):
        if not 0 < at < len(text) or covered[outside]:
            continue  # two values without a space between them, as people type them
        if char_type(text[at - 1]) == char_type(text[at]) in ("latin", "digit"):
            edges = _edges(text)
            start = edges[bisect_right(edges, entity.start) - 1]
            end = edges[bisect_left(edges, entity.end)]
            problem = f"has {_named(example, entity)}, which cuts {shown(text[start:end])}"
            yield Finding(
                "cut-span",
                example.source,
                example.text,
                problem,
                f"annotate all of it, {start}-{end}, or write a space between the two",
            )
            return


@lru_cache(1)
def _edges(text: str) -> list[int]:
    """Where runs of letters and of digits begin and end; every other character is a run of its own."""
    kinds = [char_type(ch) for ch in text]
    inner = (at for at in range(1, len(text)) if kinds[at] != kinds[at - 1] or kinds[at] not in ("latin", "digit"))
    return [0, *inner, len(text)]


def _named(example: Example, entity: Entity) -> str:
    return f"{shown(surface(example, entity))} ({shown(entity.entity)[1:-1]}) at {entity.start}-{entity.end}"
