"""Changing and refunding an order."""

from __future__ import annotations

from datetime import datetime, timedelta

from cnlu_dialogue.actions.lookup import matching
from cnlu_dialogue.actions.phrases import day_text, money_text, order_text, train_text
from cnlu_dialogue.actions.slots import Reading, read_turn
from cnlu_dialogue.actions.store import Order, Train
from cnlu_dialogue.actions.turn import TRIP, WORK, Reply, Turn, answer, cleared

FEES = ((timedelta(days=8), 0), (timedelta(hours=48), 5), (timedelta(hours=24), 10), (timedelta(0), 20))
"""How long before departure, and what per cent of the price a refund then costs."""


def refund_ticket(turn: Turn) -> Reply:
    """Which order, what it costs to give it back, and whether that is meant."""
    order, question = _which(turn, read_turn(turn), "退")
    if order is None:
        return answer(question, pending="refund_order")
    train = turn.store.train(order.train)
    cents = _fee(turn, order, train)
    if cents is None:
        return answer(f"{order_text(order, train, turn.now.date())}。车已经开了，不能退了。", **cleared("pending"))
    fee = f"手续费{money_text(cents)}，退回{money_text(order.cents - cents)}" if cents else "不收手续费"
    return answer(
        f"{order_text(order, train, turn.now.date())}。现在退票{fee}，确认退吗？",
        pending="refund",
        order_no=order.number,
    )


def confirm_refund(turn: Turn) -> Reply:
    order = turn.store.order(turn.said("order_no") or "")
    cents = _fee(turn, order, turn.store.train(order.train)) if order else None
    if order is None or order.state == "refunded" or cents is None:
        return answer("这张票已经不能退了，请再查一下订单。", **cleared("pending"))
    turn.store.set_state(order.number, "refunded")
    back = money_text(order.cents - cents)
    return answer(f"订单{order.number}已退，{back}将原路退回。", **cleared("pending", "order_no"))


def change_ticket(turn: Turn) -> Reply:
    """Which order, to which train, and whether that is meant."""
    reading = read_turn(turn)
    if reading.problems:
        return Reply([], {"pending": "change_wish"})
    order, question = _which(turn, reading, "改签")
    if order is None:
        return answer(question, pending="change_order")
    train = turn.store.train(order.train)
    if train is None or _fee(turn, order, train) is None:
        return answer(f"{order_text(order, train, turn.now.date())}。车已经开了，不能改签了。", **cleared("pending"))
    if not any(turn.slots.get(name) for name in ("travel_date", "travel_time", "train_no")):
        return answer(
            f"{order_text(order, train, turn.now.date())}。您想改到哪天、几点的车？",
            pending="change_wish",
            order_no=order.number,
            asked="travel_date",
        )
    return _offered(turn, order, train)


def _offered(turn: Turn, order: Order, train: Train) -> Reply:
    day = turn.day or order.day
    seat = turn.said("seat_class") or order.seat_class
    wanted = Turn(
        turn.text,
        turn.intent,
        turn.entities,
        {
            **turn.slots,
            "origin": train.origin_city,
            "destination": train.destination_city,
            "train_kind": turn.said("train_kind"),
        },
        turn.sender,
        turn.now,
        turn.store,
    )
    for other in matching(wanted, day):
        if turn.said("train_no") not in (None, other.number) or (other.number, day) == (order.train, order.day):
            continue
        fare = next((f for f in turn.store.fares(other.number, day) if f.seat_class == seat), None)
        if fare and fare.left >= order.count:
            more = fare.cents * order.count - order.cents
            money = f"需补{money_text(more)}" if more > 0 else f"退您差价{money_text(-more)}" if more else "票价不变"
            offer = f"{day_text(day, turn.now.date())}的{train_text(other)}，{seat}{order.count}张，{money}"
            return answer(
                f"可以改签到{offer}。确认改签吗？",
                pending="change",
                offer=other.number,
                order_no=order.number,
                travel_date=str(day),
                seat_class=seat,
                asked=None,
            )
    return answer(
        f"{day_text(day, turn.now.date())}没有合适的{train.origin_city}到{train.destination_city}的{seat}，"
        "换个日期、时间或席别？",
        pending="change_wish",
        order_no=order.number,
        asked="travel_date",
        train_no=None,
    )


def confirm_change(turn: Turn) -> Reply:
    order, day = turn.store.order(turn.said("order_no") or ""), turn.day
    train = turn.store.train(turn.said("offer") or "")
    if order is None or train is None or day is None or order.state != "booked":
        return answer("这张票已经不能改签了，请再查一下订单。", **cleared(*TRIP, *WORK))
    seat = turn.said("seat_class") or order.seat_class
    fare = next((f for f in turn.store.fares(train.number, day) if f.seat_class == seat), None)
    if fare is None or not turn.store.rebook(order, train.number, day, seat, fare.cents * order.count):
        return answer("刚才那趟车没票了，您想换成哪天、几点的？", pending="change_wish", offer=None)
    moved = turn.store.order(order.number) or order
    return answer(f"改签成功！{order_text(moved, train, turn.now.date())}。", **cleared(*TRIP, *WORK))


def _which(turn: Turn, reading: Reading, verb: str) -> tuple[Order | None, str]:
    """The order that is meant, or a question: the number said, the day said, or the only one there is."""
    number = reading.slots.get("order_no")
    if number:
        order = turn.store.order(number)
        if order is None or order.state == "refunded":
            return None, f"没有查到能{verb}的订单{number[:20]}，请核对一下订单号。"
        return order, ""
    orders = turn.store.orders_of(turn.sender)
    if reading.old_day:
        orders = [order for order in orders if order.day == reading.old_day] or orders
    known = [order for order in orders if order.number == turn.said("order_no")]
    if len(orders) == 1 or (known and turn.said("pending")):
        return (known or orders)[0], ""
    if not orders:
        return None, f"您在这里没有能{verb}的订单，请告诉我订单号。"
    listed = "\n".join(order_text(order, turn.store.train(order.train), turn.now.date()) for order in orders[:5])
    return None, f"您要{verb}哪一张？请说订单号。\n{listed}"


def _fee(turn: Turn, order: Order, train: Train | None) -> int | None:
    """Cents that a refund costs now; None when the train has left."""
    if order.state == "waiting":
        return 0
    midnight = datetime(order.day.year, order.day.month, order.day.day, tzinfo=turn.now.tzinfo)
    ahead = midnight + timedelta(minutes=train.departure if train else 0) - turn.now
    for least, share in FEES:
        if ahead > least:
            return round(order.cents * share / 100)
    return None
