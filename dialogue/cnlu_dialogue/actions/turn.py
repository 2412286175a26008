"""One turn of a conversation as the actions see it, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from cnlu_dialogue.actions.store import Store
from cnlu_dialogue.values.intervals import Times, times_of

TRIP = (
    "origin",
    "destination",
    "travel_date",
    "travel_time",
    "train_no",
    "train_kind",
    "seat_class",
    "ticket_count",
    "passengers",
)
"""The slots of a trip that is being asked about or booked."""
WORK = ("pending", "offer", "asked", "last_query")
"""The slots that say what the bot waits for."""


@dataclass(frozen=True)
class Turn:
    """What the user said, what is known by now, and the world around."""

    text: str
    intent: str
    entities: list[dict[str, Any]]
    slots: dict[str, Any]
    sender: str
    now: datetime
    store: Store
    form: str | None = None

    def said(self, name: str) -> str | None:
        """A text slot's value, None where it is empty or of another kind."""
        value = self.slots.get(name)
        return value if isinstance(value, str) and value else None

    @property
    def asked(self) -> str | None:
        """The slot that the bot's last question was about."""
        return self.said("requested_slot") or self.said("asked")

    @property
    def day(self) -> date | None:
        try:
            return date.fromisoformat(self.said("travel_date") or "")
        except ValueError:
            return None

    @property
    def times(self) -> Times | None:
        try:
            return times_of(self.said("travel_time") or "")
        except ValueError:
            return None

    @property
    def count(self) -> int:
        value = self.slots.get("ticket_count")
        return value if isinstance(value, int) and value > 0 else 1


@dataclass
class Reply:
    """Sentences for the user, and slots to set."""

    texts: list[str] = field(default_factory=list)
    slots: dict[str, Any] = field(default_factory=dict)


def answer(*texts: str, **slots: Any) -> Reply:
    """A reply in one call."""
    return Reply(list(texts), slots)


def cleared(*names: str) -> dict[str, Any]:
    """Slots to be emptied."""
    return dict.fromkeys(names)
