"""Limits on the length of an example's text and of its entities."""

from __future__ import annotations

from collections.abc import Sequence

from cnlu.data.schema import Entity
from cnlu.errors import DataError
from cnlu.i18n import _
from cnlu.io.limits import LONGEST_LINE

LONGEST_TEXT = 100_000
"""Maximum number of characters of an example's text, fifty times the server's default limit."""


def check_text_length(text: str, place: str) -> None:
    """Raise DataError for a text of more than LONGEST_TEXT characters."""
    if len(text) > LONGEST_TEXT:
        problem = _(
            "the text has {length:,} characters, more than the {most:,} that an example may have",
            length=len(text),
            most=LONGEST_TEXT,
        )
        raise DataError(place, problem, _("split it into sentences"))


def check_span_length(entities: Sequence[Entity], place: str) -> None:
    """Raise DataError if the spans have more than LONGEST_LINE characters together because they overlap repeatedly."""
    if sum(entity.end - entity.start for entity in entities) > LONGEST_LINE:
        problem = _("the spans of its entities have more than {most:,} characters together", most=LONGEST_LINE)
        raise DataError(place, problem, _("annotate each value once"))
