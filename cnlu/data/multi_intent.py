"""Names of intents that hold several intents, written `a+b`: splitting, comparing and validating them."""

from __future__ import annotations

from collections.abc import Iterable

from cnlu.data.schema import Example
from cnlu.errors import DataError
from cnlu.i18n import _
from cnlu.io.messages import shown

JOINER = "+"


def split_intent(name: str) -> list[str]:
    """The single intents of a name, in its order. A name with nothing before or after a `+` is not split."""
    parts = name.split(JOINER)
    return parts if all(part.strip() for part in parts) else [name]


def canonical_intent(name: str | None) -> str | None:
    """The same name for every order of the same intents: `a+b` for `b+a`."""
    return None if name is None else JOINER.join(sorted(set(split_intent(name))))


def check_repeated_intents(examples: Iterable[Example]) -> None:
    """Raise DataError for a name that holds the same intent twice, such as a+a."""
    for example in examples:
        intents = [] if example.intent is None else split_intent(example.intent)
        if len(set(intents)) < len(intents):
            problem = _(
                "{text} has an intent twice in {intent}", text=shown(example.text), intent=shown(str(example.intent))
            )
            raise DataError(example.source, problem, _("write each intent once"))
