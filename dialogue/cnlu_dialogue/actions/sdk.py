"""The actions for rasa-sdk: `python -m rasa_sdk --actions cnlu_dialogue.actions.sdk`.

Each action is a function of a `Turn` in a module beside this one; this module adds names and error handling.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from cnlu.errors import CnluError, one_line
from cnlu_dialogue.actions import booking, contextual, lookup, orders
from cnlu_dialogue.actions.environment import data_folder, now
from cnlu_dialogue.actions.store import Store
from cnlu_dialogue.actions.turn import Reply, Turn

LOG = logging.getLogger(__name__)
FAILURE_TEXT = "抱歉，系统出了点问题，这一步没有办成，请稍后再试。"
READ_SLOTS = "action_validate_slot_mappings"
ACTIONS: dict[str, Callable[[Turn], Reply]] = {
    "action_validate_slot_mappings": lookup.read_slots,
    "action_query_trains": lookup.query_trains,
    "action_query_price": lookup.query_price,
    "action_query_remaining": lookup.query_remaining,
    "action_query_order": lookup.query_order,
    "action_offer_train": booking.offer_train,
    "action_waitlist": booking.waitlist,
    "action_change_ticket": orders.change_ticket,
    "action_refund_ticket": orders.refund_ticket,
    "action_affirm": contextual.affirm,
    "action_deny": contextual.deny,
    "action_inform": contextual.inform,
    "action_out_of_scope": contextual.out_of_scope,
    "action_unclear": contextual.unclear,
    "action_stop": contextual.stop,
}
"""An action's name in the domain -> its function."""


def _turn(tracker: Tracker) -> Turn:
    message = tracker.latest_message or {}
    return Turn(
        text=message.get("text") or "",
        intent=(message.get("intent") or {}).get("name") or "",
        entities=list(message.get("entities") or []),
        slots=dict(tracker.slots),
        sender=tracker.sender_id,
        now=now(),
        store=Store(data_folder()),
        form=(tracker.active_loop or {}).get("name"),
    )


def _run(name: str, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[dict[str, Any]]:
    """Runs one action; an error is logged, and the user gets a sentence."""
    try:
        reply = ACTIONS[name](_turn(tracker))
    except Exception as error:
        if isinstance(error, CnluError):
            LOG.error("%s: %s", name, error)
        else:
            LOG.exception("%s failed: %s", name, one_line(error))
        reply = Reply([] if name == READ_SLOTS else [FAILURE_TEXT])  # another reply follows extraction
    for text in reply.texts:
        dispatcher.utter_message(text=text)
    return [SlotSet(slot, value) for slot, value in reply.slots.items()]


def _action(action_name: str) -> type[Action]:
    class Named(Action):  # type: ignore[misc,unused-ignore]
        def name(self) -> str:
            return action_name

        def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[dict[str, Any]]:
            return _run(action_name, dispatcher, tracker)

    Named.__name__ = Named.__qualname__ = "".join(map(str.title, action_name.split("_")))
    return Named


# rasa-sdk finds its actions among the subclasses of Action; newer versions also look them up by name.
globals().update({action.__name__: action for action in map(_action, ACTIONS)})
