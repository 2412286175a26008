"""Changes and refunds orders."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from cnlu_dialogue.actions.lookup import matching
from cnlu_dialogue.actions.phrases import day_text, money_text, order_text, train_text
from cnlu_dialogue.actions.slots import Extraction, extract_slots
from cnlu_dialogue.actions.store import Fare, Order, Train
from cnlu_dialogue.actions.turn import STATE_SLOTS, TRIP_SLOTS, Reply, Turn, clear_slots, reply

FEES = ((timedelta(days=8), 0), (timedelta(hours=48), 5), (timedelta(hours=24), 10), (timedelta(0), 20))
"""Minimum time before departure, and the refund fee in per cent of the price."""


def refund_ticket(turn: Turn) -> Reply:
    """Finds the order and asks the user to confirm the refund and its fee."""
    order, question = _find_order(turn, extract_slots(turn), "退")
    if order is None:
        return reply(question, pending="refund_order")
    train = turn.store.train(order.train)
    fee = _fee(turn, order, train)
    if fee is None:
        return reply(f"{order_text(order, train, turn.now.date())}。车已经开了，不能退了。", **clear_slots("pending"))
    terms = f"手续费{money_text(fee)}，退回{money_text(order.cents - fee)}" if fee else "不收手续费"
    return reply(
        f"{order_text(order, train, turn.now.date())}。现在退票{terms}，确认退吗？",
        pending="refund",
        order_no=order.number,
    )


def confirm_refund(turn: Turn) -> Reply:
    order = turn.store.order(turn.text_slot("order_no") or "")
    fee = _fee(turn, order, turn.store.train(order.train)) if order else None
    if order is None or order.state == "refunded" or fee is None:
        return reply("这张票已经不能退了，请再查一下订单。", **clear_slots("pending"))
    turn.store.set_state(order.number, "refunded")
    refund = money_text(order.cents - fee)
    return reply(f"订单{order.number}已退，{refund}将原路退回。", **clear_slots("pending", "order_no"))


def change_ticket(turn: Turn) -> Reply:
    """Finds the order and a new train, and asks the user to confirm."""
    extraction = extract_slots(turn)
    if extraction.problems:
        return Reply([], {"pending": "change_wish"})
    order, question = _find_order(turn, extraction, "改签")
    if order is None:
        return reply(question, pending="change_order")
    train = turn.store.train(order.train)
    if train is None or _fee(turn, order, train) is None:
        return reply(f"{order_text(order, train, turn.now.date())}。车已经开了，不能改签了。", **clear_slots("pending"))
    if not any(turn.slots.get(name) for name in ("travel_date", "travel_time", "train_no")):
        return reply(
            f"{order_text(order, train, turn.now.date())}。您想改到哪天、几点的车？",
            pending="change_wish",
            order_no=order.number,
            asked="travel_date",
        )
    return _offer_change(turn, order, train)


def _offer_change(turn: Turn, order: Order, train: Train) -> Reply:
    day = turn.day or order.day
    seat = turn.text_slot("seat_class") or order.seat_class
    replacement = _find_replacement(turn, order, train, day, seat)
    if replacement is None:
        return reply(
            f"{day_text(day, turn.now.date())}没有合适的{train.origin_city}到{train.destination_city}的{seat}，"
            "换个日期、时间或席别？",
            pending="change_wish",
            order_no=order.number,
            asked="travel_date",
            train_no=None,
        )
    other, fare = replacement
    difference = _difference_text(fare.cents * order.count - order.cents)
    offer = f"{day_text(day, turn.now.date())}的{train_text(other)}，{seat}{order.count}张，{difference}"
    return reply(
        f"可以改签到{offer}。确认改签吗？",
        pending="change",
        offer=other.number,
        order_no=order.number,
        travel_date=str(day),
        seat_class=seat,
        asked=None,
    )


def _find_replacement(turn: Turn, order: Order, train: Train, day: date, seat: str) -> tuple[Train, Fare] | None:
    """The first other train between the same cities with enough seats, and its fare."""
    cities = {"origin": train.origin_city, "destination": train.destination_city}
    search = replace(turn, slots={**turn.slots, **cities, "train_kind": turn.text_slot("train_kind")})
    for other in matching(search, day):
        if turn.text_slot("train_no") not in (None, other.number) or (other.number, day) == (order.train, order.day):
            continue
        fare = next((fare for fare in turn.store.fares(other.number, day) if fare.seat_class == seat), None)
        if fare and fare.seats_left >= order.count:
            return other, fare
    return None


def _difference_text(cents: int) -> str:
    """The amount that a change costs or returns."""
    if cents > 0:
        return f"需补{money_text(cents)}"
    return f"退您差价{money_text(-cents)}" if cents else "票价不变"


def confirm_change(turn: Turn) -> Reply:
    order, day = turn.store.order(turn.text_slot("order_no") or ""), turn.day
    train = turn.store.train(turn.text_slot("offer") or "")
    if order is None or train is None or day is None or order.state != "booked":
        return reply("这张票已经不能改签了，请再查一下订单。", **clear_slots(*TRIP_SLOTS, *STATE_SLOTS))
    seat = turn.text_slot("seat_class") or order.seat_class
    fare = next((f for f in turn.store.fares(train.number, day) if f.seat_class == seat), None)
    if fare is None or not turn.store.rebook(order, train.number, day, seat, fare.cents * order.count):
        return reply("刚才那趟车没票了，您想换成哪天、几点的？", pending="change_wish", offer=None)
    changed = turn.store.order(order.number) or order
    return reply(f"改签成功！{order_text(changed, train, turn.now.date())}。", **clear_slots(*TRIP_SLOTS, *STATE_SLOTS))


def _find_order(turn: Turn, extraction: Extraction, verb: str) -> tuple[Order | None, str]:
    """The order with the given number or day, or the user's only order; otherwise a question."""
    number = extraction.slots.get("order_no")
    if number:
        order = turn.store.order(number)
        if order is None or order.state == "refunded":
            return None, f"没有查到能{verb}的订单{number[:20]}，请核对一下订单号。"
        return order, ""
    orders = turn.store.orders_of(turn.sender)
    if extraction.old_day:
        orders = [order for order in orders if order.day == extraction.old_day] or orders
    current = [order for order in orders if order.number == turn.text_slot("order_no")]
    if len(orders) == 1 or (current and turn.text_slot("pending")):
        return (current or orders)[0], ""
    if not orders:
        return None, f"您在这里没有能{verb}的订单，请告诉我订单号。"
    order_list = "\n".join(order_text(order, turn.store.train(order.train), turn.now.date()) for order in orders[:5])
    return None, f"您要{verb}哪一张？请说订单号。\n{order_list}"


def _fee(turn: Turn, order: Order, train: Train | None) -> int | None:
    """The refund fee in cents; None if the train has left."""
    if order.state == "waiting":
        return 0
    midnight = datetime(order.day.year, order.day.month, order.day.day, tzinfo=turn.now.tzinfo)
    time_left = midnight + timedelta(minutes=train.departure if train else 0) - turn.now
    for minimum, percent in FEES:
        if time_left > minimum:
            return round(order.cents * percent / 100)
    return None
