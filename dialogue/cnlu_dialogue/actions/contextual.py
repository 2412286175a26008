"""Short answers (yes, no, a value alone), whose meaning depends on what the bot waits for."""

from __future__ import annotations

from cnlu_dialogue.actions import booking, lookup, orders
from cnlu_dialogue.actions.slots import extract_slots
from cnlu_dialogue.actions.turn import STATE_SLOTS, TRIP_SLOTS, Reply, Turn, clear_slots, reply

CANCELLED_TEXT = "好的，先不办了。还需要什么，随时告诉我。"


def affirm(turn: Turn) -> Reply:
    """Confirms the pending offer."""
    pending, offer = turn.text_slot("pending"), turn.text_slot("offer")
    if pending == "booking" and offer:
        return booking.place_order(turn)
    if pending == "waitlist" and offer:
        return booking.place_order(turn, state="waiting")
    if pending == "refund":
        return orders.confirm_refund(turn)
    if pending == "change" and offer:
        return orders.confirm_change(turn)
    return inform(turn) if pending or _has_values(turn) else reply("好的。您想查车次、买票，还是改签、退票？")


def deny(turn: Turn) -> Reply:
    """Corrects a value if the message has one (不对，是去杭州); otherwise cancels the pending task."""
    if _has_values(turn):
        return inform(turn)
    return stop(turn)


def out_of_scope(turn: Turn) -> Reply:
    """Declines an out-of-scope message, unless it holds the value that the bot asked for."""
    if turn.asked and turn.asked in extract_slots(turn).slots:
        return inform(turn)
    return reply("这个我帮不上忙。我能查车次、票价、余票，也能买票、改签、退票。")


def unclear(turn: Turn) -> Reply:
    """Asks again, unless the bot waits for a value and the message has one."""
    expected = turn.text_slot("pending") or turn.text_slot("last_query") or turn.asked
    return inform(turn) if expected and _has_values(turn) else reply("抱歉，我没听明白，能换个说法吗？")


def stop(turn: Turn) -> Reply:
    """Cancels the pending task; orders stay as they are."""
    return reply(CANCELLED_TEXT, **clear_slots(*TRIP_SLOTS, *STATE_SLOTS, "order_no"))


def inform(turn: Turn) -> Reply:
    """Uses a value alone as an answer, or repeats the last query with it."""
    if extract_slots(turn).problems:
        return Reply()  # the problem was reported when the slots were extracted
    pending = turn.text_slot("pending")
    if pending in ("booking", "waitlist"):
        return booking.offer_train(turn)
    if pending and pending.startswith("refund"):
        return orders.refund_ticket(turn)
    if pending and pending.startswith("change"):
        return orders.change_ticket(turn)
    if turn.text_slot("last_query"):
        return lookup.repeat_query(turn)
    if turn.text_slot("origin") and turn.text_slot("destination"):
        return lookup.query_trains(turn)
    return reply("好的，记下了。您是要查车次、买票，还是改签、退票？")


def _has_values(turn: Turn) -> bool:
    extraction = extract_slots(turn)
    return bool(extraction.problems) or any(value is not None for value in extraction.slots.values())
