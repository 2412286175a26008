"""Analyzes a regex without running it: whether it has nested repeats, and its size with the repeats written out.

It works on the parse tree of Python's own `re`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

if sys.version_info >= (3, 11):
    from re import _constants as codes  # type: ignore[attr-defined]
    from re import _parser as parser  # type: ignore[attr-defined]
else:
    import sre_constants as codes
    import sre_parse as parser

_REPEATS = {codes.MAX_REPEAT, codes.MIN_REPEAT, getattr(codes, "POSSESSIVE_REPEAT", None)}
_SAMPLES = {
    codes.CATEGORY_DIGIT: "0",
    codes.CATEGORY_WORD: "a0_中",
    codes.CATEGORY_SPACE: " \n",
    codes.CATEGORY_NOT_DIGIT: "a中 ,",
    codes.CATEGORY_NOT_WORD: " ,",
    codes.CATEGORY_NOT_SPACE: "a0中,",
}
_ANYTHING = frozenset("a0_中 ,")
MIN_UNBOUNDED_RANGE = 8
"""A repeat whose maximum exceeds its minimum by at least this counts as unbounded."""

Node = tuple[Any, Any]


def expanded_size(source: str) -> int:
    """The number of steps of the pattern with every counted repeat written out, as the engine holds it in memory."""
    return _size(parser.parse(source))


def has_nested_repeat(source: str) -> bool:
    """Whether a repeat contains another repeat and nothing marks where one iteration ends, as in `(a+)+`.

    `(\\d+,)+` is fine: a comma is not a digit. Character sets are compared by samples, so some cases are missed.
    """
    return any(_is_nested(node) for node in _nodes(parser.parse(source)))


def samples(source: str) -> str:
    """Some characters that the pattern mentions, to test it with."""
    characters = {character for node in _nodes(parser.parse(source)) for character in _characters([node])}
    return "".join(sorted(characters))


def _children(node: Node) -> Iterator[Iterable[Node]]:
    """The sequences inside a node such as a group, a repeat, an alternative or a look-around."""
    parts = [node[1]]
    while parts:
        part = parts.pop()
        if isinstance(part, parser.SubPattern):
            yield part
        elif isinstance(part, (list, tuple)):
            parts += part


def _nodes(sequence: Iterable[Node]) -> Iterator[Node]:
    for node in sequence:
        yield node
        for child in _children(node):
            yield from _nodes(child)


def _size(sequence: Iterable[Node]) -> int:
    total = 0
    for node in sequence:
        inside = sum(_size(child) for child in _children(node)) or 1
        total += inside * max(node[1][0], 1) if node[0] in _REPEATS else inside
    return total


def _characters(sequence: Iterable[Node]) -> frozenset[str]:
    """Samples of the characters that any part of the sequence can match."""
    characters: set[str] = set()
    for code, value in _nodes(sequence):
        if code is codes.LITERAL:
            characters.add(chr(value))
        elif code is codes.ANY:
            characters |= _ANYTHING
        elif code is codes.NOT_LITERAL:
            characters |= _ANYTHING - {chr(value)}
        elif code is codes.IN:
            characters |= _set_characters(value)
    return frozenset(characters)


def _set_characters(items: list[Node]) -> frozenset[str]:
    characters: set[str] = set()
    for code, value in items:
        if code is codes.NEGATE:
            return _ANYTHING - _set_characters(items[1:])
        if code is codes.LITERAL:
            characters.add(chr(value))
        elif code is codes.RANGE:
            characters |= {chr(value[0]), chr(value[1])} | {ch for ch in _ANYTHING if value[0] <= ord(ch) <= value[1]}
        elif code is codes.CATEGORY:
            characters |= set(_SAMPLES.get(value, _ANYTHING))
    return frozenset(characters)


def _repeats_much(node: Node) -> bool:
    return node[0] in _REPEATS and node[1][1] - node[1][0] >= MIN_UNBOUNDED_RANGE


def _flat(sequence: Iterable[Node]) -> Iterator[Node]:
    """The nodes of a sequence, with the content of a group in its place."""
    for node in sequence:
        if node[0] is codes.SUBPATTERN:
            yield from _flat(node[1][-1])
        else:
            yield node


def _is_nested(node: Node) -> bool:
    if not _repeats_much(node):
        return False
    bodies = [list(_flat(node[1][2]))]
    if len(bodies[0]) == 1 and bodies[0][0][0] is codes.BRANCH:
        bodies = [list(_flat(branch)) for branch in bodies[0][0][1][1]]
    for body in bodies:
        inner = [part for part in body if _repeats_much(part)]
        for repeat in inner:
            repeated_characters = _characters([repeat])
            others = [part for part in body if part is not repeat and not _may_be_empty(part)]
            if not any(_characters([part]).isdisjoint(repeated_characters) for part in others):
                return True
    return False


def _may_be_empty(node: Node) -> bool:
    return (node[0] in _REPEATS and node[1][0] == 0) or not _characters([node])
