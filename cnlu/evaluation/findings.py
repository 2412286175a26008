"""A finding of the report: what goes wrong, and what to do about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from cnlu.evaluation.differences import Difference
from cnlu.evaluation.frames import RoleSpan
from cnlu.i18n import _, n_

MAX_SENTENCES = 4
"""Most sentences that a finding shows."""

_OPEN, _CLOSE = "\ue000", "\ue001"
"""Private-use characters that mark the user's text in a formatted message."""

Key = TypeVar("Key")
Case = TypeVar("Case")
Words = tuple[str, ...]
"""A sentence in pieces; the pieces of type `Name` are the user's text."""
Cases = Sequence[tuple[int, Difference]]
"""(index of the example, difference)"""


class Name(str):
    """A label or value from the user's data, which the page sets off from the sentence around it."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        """The text between two private-use characters, by which `pieces` finds it in a formatted message."""
        return f"{_OPEN}{self.replace(_OPEN, '').replace(_CLOSE, '')}{_CLOSE}"


def pieces(message: str) -> Words:
    """The pieces of a formatted message; each `Name` in it is a separate piece."""
    start, *rest = message.split(_OPEN)
    parts: list[str] = [start]
    for part in rest:
        name, _close, text = part.partition(_CLOSE)
        parts += [Name(name), text]
    return tuple(piece for piece in parts if piece)


@dataclass(frozen=True)
class Instance:
    """A sentence to look at, and the span in it that the finding is about."""

    number: int
    span: RoleSpan | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A kind of error, with advice."""

    weight: int
    """Number of errors that the finding explains"""
    problem: Words
    advice: Words
    instances: Sequence[Instance] = ()
    points: Sequence[Words] = ()
    """Details, one line each"""
    filter: dict[str, str] = field(default_factory=dict)
    """The filter of the error list that shows these errors: `gold`, `answer`, `kind`, `type`"""


def group_by_key(pairs: Iterable[tuple[Key, Case]]) -> dict[Key, list[Case]]:
    """The second elements of the pairs by the first."""
    groups: dict[Key, list[Case]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups


def gold_instances(cases: Cases) -> list[Instance]:
    """The first sentences of the cases, with their annotated spans."""
    return [Instance(i, difference.gold) for i, difference in cases[:MAX_SENTENCES]]


def enumeration(words: Sequence[str], limit: int = 8) -> str:
    """The words as an enumeration within a message, up to `limit` of them."""
    shown = _(", ").join(f"{Name(word)}" for word in words[:limit])  # the separator of an enumeration
    rest = len(words) - limit
    if rest <= 0:
        return shown
    return n_("{words} and {count} more", "{words} and {count} more", rest, words=shown)
