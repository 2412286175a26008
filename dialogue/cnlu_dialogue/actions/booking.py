"""Buying a ticket: the offer, the confirmation and the order; and the waiting list."""

from __future__ import annotations

from datetime import date, timedelta

from cnlu_dialogue.actions.lookup import matching
from cnlu_dialogue.actions.phrases import clock_text, day_text, money_text, order_text, train_text
from cnlu_dialogue.actions.store import Fare, Order, Train
from cnlu_dialogue.actions.turn import STATE_SLOTS, TRIP_SLOTS, Reply, Turn, clear_slots, reply

PRESALE = 15
"""Number of days, including today, whose tickets are on sale."""
CLEARED_SLOTS = clear_slots(*TRIP_SLOTS, *STATE_SLOTS)


def offer_train(turn: Turn) -> Reply:
    """Offers a train for the form's slots, with its price, for the user to confirm."""
    missing = [name for name in ("origin", "destination", "travel_date", "seat_class") if not turn.text_slot(name)]
    day = turn.day
    if missing or day is None:
        return reply("还差一些信息，请说一下从哪里到哪里、哪天走、坐什么席别。", pending=None)
    if problem := _find_problem(turn, day):
        return problem
    trains = _candidates(turn, day)
    matches = [
        (train, fare)
        for train in trains
        for fare in turn.store.fares(train.number, day)
        if fare.seat_class == turn.text_slot("seat_class")
    ]
    if not matches:
        return _no_seat(turn, trains, day)
    available = [(train, fare) for train, fare in matches if fare.seats_left >= turn.count]
    if available:
        return _offer(turn, available, day)
    train, fare = matches[0]
    route = f"{turn.text_slot('origin')}到{turn.text_slot('destination')}"
    subject = f"{day_text(day, turn.now.date())}{route}的{fare.seat_class}"
    return reply(
        f"{subject}已经不够{turn.count}张了。要候补{train.number}（{clock_text(train.departure)}开）吗？"
        "也可以换个日期、时间或席别。",
        pending="waitlist",
        offer=train.number,
    )


def _find_problem(turn: Turn, day: date) -> Reply | None:
    today = turn.now.date()
    if turn.text_slot("origin") == turn.text_slot("destination"):
        return reply(
            "出发地和目的地是同一个地方，您要去哪里？",
            destination=None,
            pending="booking",
            offer=None,
            asked="destination",
        )
    if day < today:
        return reply(
            f"{day_text(day, today)}已经过去了，换个日期吧。",
            travel_date=None,
            pending="booking",
            offer=None,
            asked="travel_date",
        )
    if (day - today).days >= PRESALE:
        opens = day_text(day - timedelta(days=PRESALE - 1), today)
        return reply(
            f"车票提前{PRESALE}天开售，{day_text(day, today)}的票要到{opens}才能买。要换个日期吗？",
            pending="booking",
            offer=None,
            asked="travel_date",
        )
    return None


def _candidates(turn: Turn, day: date) -> list[Train]:
    number = turn.text_slot("train_no")
    if not number:
        return matching(turn, day)
    train = turn.store.train(number)
    departed = day == turn.now.date() and train and train.departure <= turn.now.hour * 60 + turn.now.minute
    return [train] if train and not departed else []


def _no_seat(turn: Turn, trains: list[Train], day: date) -> Reply:
    if trains:
        classes = "、".join(fare.seat_class for fare in turn.store.fares(trains[0].number, day))
        return reply(
            f"{trains[0].number}没有{turn.text_slot('seat_class')}，有{classes}，您要哪种？",
            pending="booking",
            offer=None,
            asked="seat_class",
        )
    if number := turn.text_slot("train_no"):
        return reply(
            f"{day_text(day, turn.now.date())}没有能买的{number[:10]}次，换一趟或者换个日期吧。",
            train_no=None,
            pending="booking",
            offer=None,
            asked=None,
        )
    period = "这个时间段" if turn.times else ""
    route = f"{turn.text_slot('origin')}到{turn.text_slot('destination')}"
    return reply(
        f"{day_text(day, turn.now.date())}{period}没有{route}合适的车，换个日期、时间或车站试试？",
        pending="booking",
        offer=None,
        asked=None,
    )


def _offer(turn: Turn, available: list[tuple[Train, Fare]], day: date) -> Reply:
    train, fare = available[0]
    people = f"，乘车人{turn.text_slot('passengers')}" if turn.text_slot("passengers") else ""
    others = [f"{other.number}（{clock_text(other.departure)}开）" for other, _ in available[1:3]]
    alternatives = f"另外还有{'、'.join(others)}，想换直接说车次。" if others else ""
    return reply(
        f"为您选了{day_text(day, turn.now.date())}的{train_text(train)}。{fare.seat_class}{turn.count}张{people}，"
        f"共{money_text(fare.cents * turn.count)}。确认下单吗？{alternatives}",
        pending="booking",
        offer=train.number,
        asked=None,
    )


def place_order(turn: Turn, state: str = "booked") -> Reply:
    """Turns the offer into an order, if it is still available."""
    train, day = turn.store.train(turn.text_slot("offer") or ""), turn.day
    if train is None or day is None:
        return reply("还没有选好车次，请告诉我从哪里到哪里、哪天走。", **clear_slots("pending", "offer"))
    fare = next((f for f in turn.store.fares(train.number, day) if f.seat_class == turn.text_slot("seat_class")), None)
    if fare is None:
        return offer_train(turn)
    order = turn.store.book(
        turn.sender,
        Order(
            number="",
            train=train.number,
            day=day,
            seat_class=fare.seat_class,
            count=turn.count,
            cents=fare.cents * turn.count,
            passengers=turn.text_slot("passengers") or "",
            state=state,
        ),
        turn.now,
    )
    if order is None:  # sold out in the meantime
        return offer_train(turn)
    result = "下单成功！" if state == "booked" else "候补已提交，有票会马上兑现。"
    return reply(
        result + order_text(order, train, turn.now.date()) + "。", **{**CLEARED_SLOTS, "order_no": order.number}
    )


def waitlist(turn: Turn) -> Reply:
    """候补: joins the waiting list of a sold-out offer or of a train that the user names."""
    if turn.text_slot("pending") == "waitlist":
        return place_order(turn, state="waiting")
    number, day, seat = turn.text_slot("train_no"), turn.day, turn.text_slot("seat_class")
    train = turn.store.train(number) if number else None
    if train is None or day is None or seat is None:
        return reply("候补要知道车次、日期和席别，比如“候补明天G101的二等座”。", last_query=None)
    fares = {fare.seat_class: fare for fare in turn.store.fares(train.number, day)}
    if seat not in fares:
        return reply(f"{train.number}没有{seat}，有{'、'.join(fares)}。", seat_class=None)
    if fares[seat].seats_left >= turn.count:
        return reply(
            f"{day_text(day, turn.now.date())}{train.number}的{seat}还有票，直接买就行。要下单吗？",
            pending="booking",
            offer=train.number,
        )
    return reply(
        f"要候补{day_text(day, turn.now.date())}的{train.number} {seat}{turn.count}张吗？",
        pending="waitlist",
        offer=train.number,
    )
