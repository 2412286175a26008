"""Annotated spans that cannot be learned or whose boundaries are wrong."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from cnlu.check.corpus import Corpus, Line, coverage, surface
from cnlu.check.findings import Finding
from cnlu.data.schema import Entity, Example
from cnlu.i18n import _
from cnlu.io.messages import shown
from cnlu.text.chars import char_type

_EDGE_PUNCTUATION = "，。！？、；：…,!?;:～~·—"
_BRACKETS = {pair[0]: pair[1] for pair in ("（）", "()", "《》", "〈〉", "“”", "‘’", "「」", "『』", "【】", "[]")}
_OPENING = {closing: opening for opening, closing in _BRACKETS.items()}


def find_bad_spans(corpus: Corpus) -> Iterator[Finding]:
    """`overlapping-entities`, `misplaced-span`, `untrimmed-span`, `partial-word-span`; in training and test data."""
    for lines in corpus.parts:
        for line in lines:
            yield from _overlaps(line)
            covered = coverage(line.example)
            for entity in line.example.entities:
                yield from _misplaced(line.example, entity)
                yield from _untrimmed(line.example, entity)
                yield from _partial_word(line.example, entity, covered)


def _overlaps(line: Line) -> Iterator[Finding]:
    example = line.example
    for first, second in pairwise(sorted(example.entities, key=lambda entity: (entity.start, -entity.end))):
        if second.start < first.end:
            problem = _(
                "has {first} and {second}, which overlap",
                first=_describe(example, first),
                second=_describe(example, second),
            )
            fix = _("annotate only one of them")
            yield Finding("overlapping-entities", example.source, example.text, problem, fix)


def _misplaced(example: Example, entity: Entity) -> Iterator[Finding]:
    """A value that differs from its surface is usually canonical; here it occurs in the text, but elsewhere."""
    covered, value = surface(example, entity), entity.value
    if value == covered or not value:
        return
    if problem := _other_units(example, entity):
        yield Finding("misplaced-span", example.source, example.text, problem, _("count characters"))
        return
    # Search only where the value would touch the span; it may occur elsewhere for another reason.
    begin, limit = max(0, entity.start - len(value) + 1), entity.end + len(value) - 1
    at = example.text.find(value, begin, limit)
    while at >= 0:
        end = at + len(value)
        if not (entity.start <= at and end <= entity.end):  # a canonical value inside its surface is fine
            problem = _(
                "has the value {value} at {span}, but {annotated} is annotated",
                value=shown(value),
                span=f"{at}-{end}",
                annotated=_describe(example, entity),
            )
            fix = _("annotate {span}", span=f"{at}-{end}")
            yield Finding("misplaced-span", example.source, example.text, problem, fix)
            return
        at = example.text.find(value, at + 1, limit)


def _other_units(example: Example, entity: Entity) -> str:
    """The problem if the offsets cover the value in units other than characters, otherwise an empty string."""
    names = {"value": shown(entity.value), "annotated": _describe(example, entity)}
    if _covers_value(example.text, entity, "utf-8", 1):
        return _("has the value {value} on {annotated}: its offsets count bytes of UTF-8", **names)
    if _covers_value(example.text, entity, "utf-16-le", 2):
        return _("has the value {value} on {annotated}: its offsets count UTF-16 units (two for an emoji)", **names)
    return ""


def _covers_value(text: str, entity: Entity, encoding: str, width: int) -> bool:
    units = _encoded(text, encoding)[entity.start * width : entity.end * width]
    return units == entity.value.encode(encoding, "surrogatepass")


@lru_cache(2)
def _encoded(text: str, encoding: str) -> bytes:
    return text.encode(encoding, "surrogatepass")


def _untrimmed(example: Example, entity: Entity) -> Iterator[Finding]:
    covered = surface(example, entity)
    start, end = 0, len(covered)
    while start < end and _is_trimmable(covered, start, start, end):
        start += 1
    while start < end and _is_trimmable(covered, end - 1, start, end):
        end -= 1
    if start == 0 and end == len(covered):
        return
    if start >= end:
        problem = _("has {annotated}, which is only punctuation", annotated=_describe(example, entity))
        fix = _("remove the annotation")
    else:
        problem = _(
            "has {annotated}, which begins or ends with a space or punctuation", annotated=_describe(example, entity)
        )
        span = f"{entity.start + start}-{entity.start + end}"
        fix = _("annotate {text} at {span}", text=shown(covered[start:end]), span=span)
    yield Finding("untrimmed-span", example.source, example.text, problem, fix)


def _is_trimmable(covered: str, at: int, start: int, end: int) -> bool:
    """Whether a character at an edge cannot belong to a name; matching brackets and quotes can."""
    ch, inside = covered[at], covered[start:end]
    if ch.isspace() or ch in _EDGE_PUNCTUATION:
        return True
    if ch in _BRACKETS:
        return _BRACKETS[ch] not in inside
    return ch in _OPENING and _OPENING[ch] not in inside


def _partial_word(example: Example, entity: Entity, covered: bytearray) -> Iterator[Finding]:
    text = example.text
    for boundary, outside in ((entity.start, entity.start - 1), (entity.end, entity.end)):
        if not 0 < boundary < len(text) or covered[outside]:
            continue  # people type two values without a space between them
        if char_type(text[boundary - 1]) == char_type(text[boundary]) in ("latin", "digit"):
            edges = _edges(text)
            start = edges[bisect_right(edges, entity.start) - 1]
            end = edges[bisect_left(edges, entity.end)]
            problem = _(
                "has {annotated}, which is a part of {word}",
                annotated=_describe(example, entity),
                word=shown(text[start:end]),
            )
            fix = _("annotate all of it, {span}, or write a space between the two", span=f"{start}-{end}")
            yield Finding("partial-word-span", example.source, example.text, problem, fix)
            return


@lru_cache(1)
def _edges(text: str) -> list[int]:
    """Boundaries of runs of letters and of digits; every other character is a run of its own."""
    kinds = [char_type(ch) for ch in text]
    inner = (at for at in range(1, len(text)) if kinds[at] != kinds[at - 1] or kinds[at] not in ("latin", "digit"))
    return [0, *inner, len(text)]


def _describe(example: Example, entity: Entity) -> str:
    return _(
        "{text} ({type}) at {span}",
        text=shown(surface(example, entity)),
        type=shown(entity.entity)[1:-1],
        span=f"{entity.start}-{entity.end}",
    )
