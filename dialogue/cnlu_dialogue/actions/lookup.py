"""Answers questions about trains, fares, seats and the user's orders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from cnlu_dialogue.actions.phrases import (
    clock_text,
    day_text,
    fares_text,
    money_text,
    order_text,
    seats_left_text,
    train_text,
)
from cnlu_dialogue.actions.slots import ACTION_INTENTS, extract_slots
from cnlu_dialogue.actions.store import Fare, Train
from cnlu_dialogue.actions.turn import Reply, Turn, reply
from cnlu_dialogue.values.intervals import DAY

MAX_SHOWN = 5
"""Maximum number of trains or orders in one answer."""


def read_slots(turn: Turn) -> Reply:
    """Runs first in every turn and extracts the slots."""
    if turn.form and turn.intent in ACTION_INTENTS:
        return Reply()
    extraction = extract_slots(turn)
    slots = dict(extraction.slots)
    if (number := slots.get("train_no")) and "origin" not in slots and (train := turn.store.train(number)):
        slots |= {
            name: place
            for name, place in (("origin", train.origin), ("destination", train.destination))
            if not turn.text_slot(name)
        }
    if turn.form and (slots or extraction.problems):  # the form continues and asks again if necessary
        requested = turn.asked or "origin"
        slots.setdefault(requested, turn.slots.get(requested))
    return Reply(extraction.problems, slots)


def query_trains(turn: Turn) -> Reply:
    """Lists the trains of a route (明天北京到上海有哪些车), or shows one train's times."""
    return _answer_query(turn, "trains", _trains_text)


def query_price(turn: Turn) -> Reply:
    """Answers with the fares: 北京到上海二等座多少钱."""
    return _answer_query(turn, "price", _price_text)


def query_remaining(turn: Turn) -> Reply:
    """Answers with the number of seats left: 明天去杭州的还有票吗."""
    return _answer_query(turn, "remaining", _remaining_text)


def repeat_query(turn: Turn) -> Reply:
    """Repeats the last query with new values (后天呢)."""
    queries = {"trains": query_trains, "price": query_price, "remaining": query_remaining}
    return queries[turn.text_slot("last_query") or "trains"](turn)


def query_order(turn: Turn) -> Reply:
    """Shows the user's orders, or the one with the given number."""
    today = turn.now.date()
    number = extract_slots(turn).slots.get("order_no")
    if number:
        order = turn.store.order(number)
        if order is None:
            return reply(f"没有查到订单{number[:20]}，请核对一下订单号。", order_no=None)
        return reply(order_text(order, turn.store.train(order.train), today))
    orders = turn.store.orders_of(turn.sender)
    if not orders:
        return reply("您在这里还没有订单。有订单号的话，告诉我，我帮您查。")
    return reply(*(order_text(order, turn.store.train(order.train), today) for order in orders[:MAX_SHOWN]))


def matching(turn: Turn, day: date) -> list[Train]:
    """The trains that match the slots; for today only those that have not left."""
    origin, destination = turn.text_slot("origin"), turn.text_slot("destination")
    if not origin or not destination:
        return []
    earliest, latest = (turn.times.earliest, turn.times.latest) if turn.times else (0, DAY)
    if turn.times and turn.times.is_exact:
        earliest, latest = max(earliest - 60, 0), latest + 90  # 八点的车 means about eight
    if day == turn.now.date():
        earliest = max(earliest, turn.now.hour * 60 + turn.now.minute + 1)
    return [
        train
        for train in turn.store.trains(origin, destination)
        if earliest <= train.departure <= latest
        and train.number.startswith(turn.text_slot("train_kind") or "")
        and _calls_at(train, origin, destination)
    ]


def _calls_at(train: Train, origin: str, destination: str) -> bool:
    """Whether the train leaves from and arrives at these places; a city's name matches all its stations."""
    return origin in (train.origin, train.origin_city) and destination in (train.destination, train.destination_city)


def _answer_query(turn: Turn, query: str, text: Callable[[Turn, list[Train], date], str]) -> Reply:
    """Answers a query with `text`; asks for the places if they are missing."""
    extraction = extract_slots(turn)
    if turn.form:  # a question while booking: its values apply to this answer only
        turn = replace(turn, slots={**turn.slots, **extraction.slots}, form=None)
        return Reply(_answer_query(turn, query, text).texts + extraction.problems[:1])
    if extraction.problems:
        asked = "travel_date" if "travel_date" in extraction.slots else None
        return Reply([], {"last_query": query, "asked": asked})
    day = turn.day or turn.now.date()
    number = turn.text_slot("train_no")
    if number:
        train = turn.store.train(number)
        if train is None:
            return reply(f"时刻表里没有{number[:10]}次列车，请核对一下车次。", train_no=None, last_query=query)
        return reply(text(turn, [train], day), last_query=query, asked=None)
    for slot, question in (("destination", "您要去哪里？"), ("origin", "您从哪里出发？")):
        if not turn.text_slot(slot):
            return reply(question, last_query=query, asked=slot)
    if turn.text_slot("origin") == turn.text_slot("destination"):
        return reply(
            "出发地和目的地是同一个地方，您要去哪里？", destination=None, last_query=query, asked="destination"
        )
    trains = matching(turn, day)
    if not trains:
        return reply(_no_trains_text(turn, day), last_query=query, asked=None)
    return reply(text(turn, trains, day), last_query=query, asked=None)


def _no_trains_text(turn: Turn, day: date) -> str:
    when = day_text(day, turn.now.date()) + ("这个时间段" if turn.times else "")
    return f"{when}没有查到{turn.text_slot('origin')}到{turn.text_slot('destination')}合适的车，换个时间或车站试试？"


def _trains_text(turn: Turn, trains: list[Train], day: date) -> str:
    if len(trains) == 1 and turn.text_slot("train_no"):
        return f"{train_text(trains[0])}。"
    day_name = day_text(day, turn.now.date())
    lines = [f"{day_name}{turn.text_slot('origin')}到{turn.text_slot('destination')}有{len(trains)}趟车："]
    return "\n".join(lines + [train_text(train) for train in trains[:MAX_SHOWN]])


def _fares(turn: Turn, train: Train, day: date) -> list[Fare]:
    """The fares of the requested class; all fares if there is none."""
    fares = turn.store.fares(train.number, day)
    return [fare for fare in fares if fare.seat_class == turn.text_slot("seat_class")] or fares


def _price_text(turn: Turn, trains: list[Train], day: date) -> str:
    lines = []
    for train in trains[:MAX_SHOWN]:
        fares = _fares(turn, train, day)
        one_price = turn.count > 1 and len(fares) == 1
        total = f"，{turn.count}张共{money_text(fares[0].cents * turn.count)}" if one_price else ""
        lines.append(f"{train.number} {train.origin}到{train.destination}：{fares_text(fares)}{total}。")
    return "\n".join(lines)


def _remaining_text(turn: Turn, trains: list[Train], day: date) -> str:
    lines = [f"{day_text(day, turn.now.date())}的余票："]
    for train in trains[:MAX_SHOWN]:
        fares = "，".join(f"{fare.seat_class}{seats_left_text(fare.seats_left)}" for fare in _fares(turn, train, day))
        lines.append(f"{train.number} {train.origin} {clock_text(train.departure)} → {train.destination}：{fares}")
    return "\n".join(lines)
