"""How long an example's text may be, and how much of it its entities may cover."""

from __future__ import annotations

from collections.abc import Sequence

from cnlu.data.schema import Entity
from cnlu.errors import DataError
from cnlu.io.limits import LONGEST_LINE

LONGEST_TEXT = 100_000
"""Characters of an example's text, fifty times what the server takes by default."""


def refuse_long_text(text: str, place: str) -> None:
    """Raises DataError for an example's text of more than LONGEST_TEXT characters."""
    if len(text) > LONGEST_TEXT:
        raise DataError(
            f"{place}: the text has {len(text):,} characters, more than the {LONGEST_TEXT:,} that an "
            "example may have; divide it into sentences."
        )


def refuse_wide_spans(entities: Sequence[Entity], place: str) -> None:
    """Raises DataError where spans that overlap again and again have more than LONGEST_LINE characters together."""
    if sum(entity.end - entity.start for entity in entities) > LONGEST_LINE:
        raise DataError(
            f"{place}: the spans of its entities have more than {LONGEST_LINE:,} characters together; "
            "annotate each thing once."
        )
