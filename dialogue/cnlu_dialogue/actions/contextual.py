"""Yes, no and bare values: what they mean depends on what the bot waits for."""

from __future__ import annotations

from cnlu_dialogue.actions import booking, lookup, orders
from cnlu_dialogue.actions.slots import read_turn
from cnlu_dialogue.actions.turn import TRIP, WORK, Reply, Turn, answer, cleared

STOPPED = "好的，先不办了。还需要什么，随时告诉我。"


def affirm(turn: Turn) -> Reply:
    """Yes to what was offered."""
    pending, offered = turn.said("pending"), turn.said("offer")
    if pending == "booking" and offered:
        return booking.place_order(turn)
    if pending == "waitlist" and offered:
        return booking.place_order(turn, state="waiting")
    if pending == "refund":
        return orders.confirm_refund(turn)
    if pending == "change" and offered:
        return orders.confirm_change(turn)
    return inform(turn) if pending or _said_something(turn) else answer("好的。您想查车次、买票，还是改签、退票？")


def deny(turn: Turn) -> Reply:
    """No; with a value in it (不对，是去杭州) a correction, else the end of what was going on."""
    if _said_something(turn):
        return inform(turn)
    return stop(turn)


def out_of_scope(turn: Turn) -> Reply:
    """What the bot is not for; but a bare value after a question is an answer, whatever else it resembles."""
    if turn.asked and turn.asked in read_turn(turn).slots:
        return inform(turn)
    return answer("这个我帮不上忙。我能查车次、票价、余票，也能买票、改签、退票。")


def unclear(turn: Turn) -> Reply:
    """The sentence was not understood; values in it may be, where the bot waits for some."""
    waiting = turn.said("pending") or turn.said("last_query") or turn.asked
    return inform(turn) if waiting and _said_something(turn) else answer("抱歉，我没听明白，能换个说法吗？")


def stop(turn: Turn) -> Reply:
    """What was going on is given up; orders stay as they are."""
    return answer(STOPPED, **cleared(*TRIP, *WORK, "order_no"))


def inform(turn: Turn) -> Reply:
    """A bare value: an answer, or a change to what was asked last."""
    if read_turn(turn).problems:
        return Reply()  # the sentence was said when the values were read
    pending = turn.said("pending")
    if pending in ("booking", "waitlist"):
        return booking.offer_train(turn)
    if pending and pending.startswith("refund"):
        return orders.refund_ticket(turn)
    if pending and pending.startswith("change"):
        return orders.change_ticket(turn)
    if turn.said("last_query"):
        return lookup.again(turn)
    if turn.said("origin") and turn.said("destination"):
        return lookup.query_trains(turn)
    return answer("好的，记下了。您是要查车次、买票，还是改签、退票？")


def _said_something(turn: Turn) -> bool:
    reading = read_turn(turn)
    return bool(reading.problems) or any(value is not None for value in reading.slots.values())
