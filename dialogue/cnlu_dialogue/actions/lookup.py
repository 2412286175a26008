"""Answers to questions: which trains, what they cost, what is left, and one's own orders."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from cnlu_dialogue.actions.phrases import (
    clock_text,
    day_text,
    fares_text,
    left_text,
    money_text,
    order_text,
    train_text,
)
from cnlu_dialogue.actions.slots import ELSEWHERE, read_turn
from cnlu_dialogue.actions.store import Fare, Train
from cnlu_dialogue.actions.turn import Reply, Turn, answer
from cnlu_dialogue.values.intervals import DAY

SHOWN = 5
"""Trains in one answer."""


def read_slots(turn: Turn) -> Reply:
    """Runs on every turn before anything else: the plain values of what was said."""
    if turn.form and turn.intent in ELSEWHERE:
        return Reply()
    reading = read_turn(turn)
    slots = dict(reading.slots)
    if (number := slots.get("train_no")) and "origin" not in slots and (train := turn.store.train(number)):
        slots |= {
            name: place
            for name, place in (("origin", train.origin), ("destination", train.destination))
            if not turn.said(name)
        }
    if turn.form and (slots or reading.problems):  # something was said: the form goes on, and asks again if it must
        wanted = turn.asked or "origin"
        slots.setdefault(wanted, turn.slots.get(wanted))
    return Reply(reading.problems, slots)


def query_trains(turn: Turn) -> Reply:
    """明天北京到上海有哪些车, or one train's times."""
    return _looked_up(turn, "trains", _trains_text)


def query_price(turn: Turn) -> Reply:
    """北京到上海二等座多少钱."""
    return _looked_up(turn, "price", _price_text)


def query_remaining(turn: Turn) -> Reply:
    """明天去杭州的还有票吗."""
    return _looked_up(turn, "remaining", _left_text)


def again(turn: Turn) -> Reply:
    """The last question once more, with what has been said since (后天呢)."""
    queries = {"trains": query_trains, "price": query_price, "remaining": query_remaining}
    return queries[turn.said("last_query") or "trains"](turn)


def query_order(turn: Turn) -> Reply:
    """One's own orders, or the one whose number was given."""
    today = turn.now.date()
    number = read_turn(turn).slots.get("order_no")
    if number:
        order = turn.store.order(number)
        if order is None:
            return answer(f"没有查到订单{number[:20]}，请核对一下订单号。", order_no=None)
        return answer(order_text(order, turn.store.train(order.train), today))
    orders = turn.store.orders_of(turn.sender)
    if not orders:
        return answer("您在这里还没有订单。有订单号的话，告诉我，我帮您查。")
    return answer(*(order_text(order, turn.store.train(order.train), today) for order in orders[:SHOWN]))


def matching(turn: Turn, day: date) -> list[Train]:
    """The trains that fit what is known, today only those still to leave."""
    origin, destination = turn.said("origin"), turn.said("destination")
    if not origin or not destination:
        return []
    earliest, latest = (turn.times.earliest, turn.times.latest) if turn.times else (0, DAY)
    if turn.times and turn.times.one:
        earliest, latest = max(earliest - 60, 0), latest + 90  # 八点的车 is one about eight
    if day == turn.now.date():
        earliest = max(earliest, turn.now.hour * 60 + turn.now.minute + 1)
    return [
        train
        for train in turn.store.trains(origin, destination)
        if earliest <= train.departure <= latest
        and train.number.startswith(turn.said("train_kind") or "")
        and _calls_at(train, origin, destination)
    ]


def _calls_at(train: Train, origin: str, destination: str) -> bool:
    """A city's name fits every station of it; a station's name itself alone, unless it is also the city's name."""
    return origin in (train.origin, train.origin_city) and destination in (train.destination, train.destination_city)


def _looked_up(turn: Turn, query: str, text: object) -> Reply:
    assert callable(text)
    reading = read_turn(turn)
    if turn.form:  # a question in the middle of booking: its values are for this answer only
        turn = replace(turn, slots={**turn.slots, **reading.slots}, form=None)
        return Reply(_looked_up(turn, query, text).texts + reading.problems[:1])
    if reading.problems:
        asked = "travel_date" if "travel_date" in reading.slots else None
        return Reply([], {"last_query": query, "asked": asked})
    day = turn.day or turn.now.date()
    number = turn.said("train_no")
    if number:
        train = turn.store.train(number)
        if train is None:
            return answer(f"时刻表里没有{number[:10]}次列车，请核对一下车次。", train_no=None, last_query=query)
        return answer(text(turn, [train], day), last_query=query, asked=None)
    for slot, question in (("destination", "您要去哪里？"), ("origin", "您从哪里出发？")):
        if not turn.said(slot):
            return answer(question, last_query=query, asked=slot)
    if turn.said("origin") == turn.said("destination"):
        return answer(
            "出发地和目的地是同一个地方，您要去哪里？", destination=None, last_query=query, asked="destination"
        )
    trains = matching(turn, day)
    if not trains:
        return answer(_none_text(turn, day), last_query=query, asked=None)
    return answer(text(turn, trains, day), last_query=query, asked=None)


def _none_text(turn: Turn, day: date) -> str:
    when = day_text(day, turn.now.date()) + ("这个时间段" if turn.times else "")
    return f"{when}没有查到{turn.said('origin')}到{turn.said('destination')}合适的车，换个时间或车站试试？"


def _trains_text(turn: Turn, trains: list[Train], day: date) -> str:
    head = f"{day_text(day, turn.now.date())}"
    if len(trains) == 1 and turn.said("train_no"):
        return f"{train_text(trains[0])}。"
    lines = [f"{head}{turn.said('origin')}到{turn.said('destination')}有{len(trains)}趟车："]
    return "\n".join(lines + [train_text(train) for train in trains[:SHOWN]])


def _fares(turn: Turn, train: Train, day: date) -> list[Fare]:
    """Those of the class asked for; all where none was, or the train has it not."""
    fares = turn.store.fares(train.number, day)
    return [fare for fare in fares if fare.seat_class == turn.said("seat_class")] or fares


def _price_text(turn: Turn, trains: list[Train], day: date) -> str:
    lines = []
    for train in trains[:SHOWN]:
        fares = _fares(turn, train, day)
        several = turn.count > 1 and len(fares) == 1
        total = f"，{turn.count}张共{money_text(fares[0].cents * turn.count)}" if several else ""
        lines.append(f"{train.number} {train.origin}到{train.destination}：{fares_text(fares, left=False)}{total}。")
    return "\n".join(lines)


def _left_text(turn: Turn, trains: list[Train], day: date) -> str:
    lines = [f"{day_text(day, turn.now.date())}的余票："]
    for train in trains[:SHOWN]:
        fares = "，".join(f"{fare.seat_class}{left_text(fare.left)}" for fare in _fares(turn, train, day))
        lines.append(f"{train.number} {train.origin} {clock_text(train.departure)} → {train.destination}：{fares}")
    return "\n".join(lines)
