"""One turn of a conversation, and the reply of an action."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from cnlu_dialogue.actions.store import Store
from cnlu_dialogue.values.intervals import Times, parse_times

TRIP_SLOTS = (
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
"""The slots of the trip that the user asks about or books."""
STATE_SLOTS = ("pending", "offer", "asked", "last_query")
"""The slots that record what the bot waits for."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """The user's message, the current slots, the time and the data."""

    text: str
    intent: str
    entities: list[dict[str, Any]]
    slots: dict[str, Any]
    sender: str
    now: datetime
    store: Store
    form: str | None = None

    def text_slot(self, name: str) -> str | None:
        """The value of a text slot; None if it is empty or not a string."""
        value = self.slots.get(name)
        return value if isinstance(value, str) and value else None

    @property
    def asked(self) -> str | None:
        """The slot that the bot last asked for."""
        return self.text_slot("requested_slot") or self.text_slot("asked")

    @property
    def day(self) -> date | None:
        try:
            return date.fromisoformat(self.text_slot("travel_date") or "")
        except ValueError:
            return None

    @property
    def times(self) -> Times | None:
        try:
            return parse_times(self.text_slot("travel_time") or "")
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


def reply(*texts: str, **slots: Any) -> Reply:
    """Builds a reply from texts and slots."""
    return Reply(list(texts), slots)


def clear_slots(*names: str) -> dict[str, Any]:
    """Slot values that clear these slots."""
    return dict.fromkeys(names)
