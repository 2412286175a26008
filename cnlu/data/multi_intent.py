"""Several intents of one sentence, written `a+b`: names taken apart, put together, and compared."""

from __future__ import annotations

from collections.abc import Iterable

from cnlu.data.schema import Example
from cnlu.errors import DataError
from cnlu.io.messages import shown

JOINER = "+"


def parts(name: str) -> list[str]:
    """The single intents of a name, in its order. Opaque names with nothing before or after a `+` are whole."""
    found = name.split(JOINER)
    return found if all(part.strip() for part in found) else [name]


def same_set(name: str | None) -> str | None:
    """The name under which every order of the same intents is one: `b+a` as `a+b`."""
    return None if name is None else JOINER.join(sorted(set(parts(name))))


def refuse_repeats(examples: Iterable[Example]) -> None:
    """Raises DataError for an intent that stands twice in one name, such as a+a."""
    for example in examples:
        named = [] if example.intent is None else parts(example.intent)
        if len(set(named)) < len(named):
            place = f"{example.source}: " if example.source else ""
            raise DataError(
                f"{place}{shown(example.text)} has an intent twice in {shown(str(example.intent))}; write each once."
            )
