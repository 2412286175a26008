"""Analyses a regex without a text: whether it has nested repeats, and how large it gets.

Read off the parse tree of Python's own `re`.
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
MANY = 8
"""A repeat whose maximum exceeds its minimum by at least this counts as unbounded."""

Node = tuple[Any, Any]


def expanded_size(source: str) -> int:
    """Steps of the pattern once every counted repeat is written out; the engine keeps that many in memory."""
    return _size(parser.parse(source))


def has_nested_repeat(source: str) -> bool:
    """Whether a repeat contains another repeat and nothing marks where one round ends, as in `(a+)+`.

    `(\\d+,)+` is fine: a comma is no digit. Sets of characters are compared by samples, so rare ones can escape.
    """
    return any(_is_nested(node) for node in _nodes(parser.parse(source)))


def samples(source: str) -> str:
    """Some characters that the pattern mentions, to test it with."""
    found = {character for node in _nodes(parser.parse(source)) for character in _characters([node])}
    return "".join(sorted(found))


def _children(node: Node) -> Iterator[Iterable[Node]]:
    """The sequences inside a node: of a group, a repeat, an alternative, a look-around."""
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
    found: set[str] = set()
    for code, value in _nodes(sequence):
        if code is codes.LITERAL:
            found.add(chr(value))
        elif code is codes.ANY:
            found |= _ANYTHING
        elif code is codes.NOT_LITERAL:
            found |= _ANYTHING - {chr(value)}
        elif code is codes.IN:
            found |= _of_set(value)
    return frozenset(found)


def _of_set(items: list[Node]) -> frozenset[str]:
    found: set[str] = set()
    for code, value in items:
        if code is codes.NEGATE:
            return _ANYTHING - _of_set(items[1:])
        if code is codes.LITERAL:
            found.add(chr(value))
        elif code is codes.RANGE:
            found |= {chr(value[0]), chr(value[1])} | {one for one in _ANYTHING if value[0] <= ord(one) <= value[1]}
        elif code is codes.CATEGORY:
            found |= set(_SAMPLES.get(value, _ANYTHING))
    return frozenset(found)


def _repeats_much(node: Node) -> bool:
    return node[0] in _REPEATS and node[1][1] - node[1][0] >= MANY


def _flat(sequence: Iterable[Node]) -> Iterator[Node]:
    """The sequence without the groups around its parts."""
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
        inner = [one for one in body if _repeats_much(one)]
        for repeat in inner:
            own = _characters([repeat])
            ends = [one for one in body if one is not repeat and not _may_be_empty(one)]
            if not any(_characters([one]).isdisjoint(own) for one in ends):
                return True
    return False


def _may_be_empty(node: Node) -> bool:
    return (node[0] in _REPEATS and node[1][0] == 0) or not _characters([node])
