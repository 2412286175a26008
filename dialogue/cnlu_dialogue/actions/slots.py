"""Extracts slots from a turn's entities; a value that makes no sense becomes a sentence for the user."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from cnlu_dialogue.actions.phrases import day_text
from cnlu_dialogue.actions.places import resolve
from cnlu_dialogue.actions.turn import Turn
from cnlu_dialogue.values.clean import clean
from cnlu_dialogue.values.counts import read_count
from cnlu_dialogue.values.phones import read_phone
from cnlu_dialogue.values.when import read_when

NON_ANSWER_INTENTS = {
    "query_luggage",
    "query_station_info",
    "order_meal",
    "complain",
    "out_of_scope",
    "query_delay",
    "greet",
    "thanks",
    "transfer_human",
    "goodbye",
}
"""Intents whose values do not answer a form's question."""
ACTION_INTENTS = {
    "query_trains",
    "query_price",
    "query_remaining",
    "query_order",
    "change_ticket",
    "refund_ticket",
    "waitlist",
}
"""Intents with an action of their own, which extracts their values; within a form they fill no slot."""
SEAT_SYNONYMS = {
    "卧铺": "硬卧",
    "坐票": "二等座",
    "软座": "一等座",
    "特等座": "商务座",
    "优选一等座": "一等座",
    "动卧": "软卧",
    "高级软卧": "软卧",
}
SEAT_CLASSES = ("二等座", "一等座", "商务座", "硬座", "硬卧", "软卧")
TRAIN_KINDS = {
    "高铁": "G",
    "动车": "G",
    "城际": "G",
    "复兴号": "G",
    "和谐号": "G",
    "绿皮车": "K",
    "快速": "K",
    "普快": "K",
    "特快": "K",
    "慢车": "K",
    "普速": "K",
}
"""Words for trains -> one of the two kinds in the invented timetable."""
MAX_TICKETS = 20
_NEGATION = re.compile(r"(?:不是|不去|别去|不到|不从|不要|而不是)(?:到|去|从|在)?$")
_TIME_SUFFIX = re.compile(r"^的?(?:之后|以后|往后|过后|之前|以前|左右|前后|上下|后|前)")
_RANGE_SEPARATOR = re.compile(r"^\s*(?:到|至|[-~—－])\s*$")
_CORRECTION = re.compile(r"改|换|不对|不是|错了")
_MONTH_DAY = re.compile(r"\d+(?:/\d+)+")


@dataclass
class Extraction:
    """Slots to set (None clears one), problems to report, and the day of the ticket that the user wants to change."""

    slots: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    old_day: date | None = None


def extract_slots(turn: Turn) -> Extraction:
    """The slots from this turn's entities, or from its whole text if the text answers the bot's question."""
    if turn.form and turn.intent in NON_ANSWER_INTENTS:
        extraction = _extract(turn)
        return extraction if turn.intent == "out_of_scope" and turn.asked in extraction.slots else Extraction()
    return _extract(turn)


def _extract(turn: Turn) -> Extraction:
    extraction = Extraction()
    entities = sorted((e for e in turn.entities if _is_text_entity(e)), key=lambda e: int(e.get("start") or 0))
    accepted = [e for e in entities if not _NEGATION.search(turn.text[: int(e.get("start") or 0)])] or entities
    _extract_places(turn, _of_type(accepted, "place"), extraction)
    _extract_when(turn, accepted, extraction)
    _extract_tickets(turn, _of_type(accepted, "seat_class"), _of_type(accepted, "count"), extraction)
    _extract_names(turn, accepted, extraction)
    if not extraction.slots and not extraction.problems:
        _answer_from_text(turn, extraction)
    return extraction


def _is_text_entity(entity: dict[str, Any]) -> bool:
    return isinstance(entity.get("entity"), str) and isinstance(entity.get("value"), str)


def _of_type(entities: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [entity for entity in entities if entity["entity"] == kind]


def _extract_places(turn: Turn, places: list[dict[str, Any]], extraction: Extraction) -> None:
    for entity in places:
        slot = {"from": "origin", "to": "destination"}.get(entity.get("role") or "")
        if slot is None and entity.get("role") is None:
            slot = turn.asked if turn.asked in ("origin", "destination") else None
        if slot is None:
            continue
        _set_place(entity["value"], slot, extraction)
    if (
        turn.asked == "origin"
        and "destination" in extraction.slots
        and "origin" not in extraction.slots
        and turn.text_slot("destination") == extraction.slots["destination"]
    ):
        extraction.slots["origin"] = None  # the same place again is not an answer


def _set_place(value: str, slot: str, extraction: Extraction) -> None:
    place = resolve(value)
    if place is None:
        extraction.slots[slot] = None
        extraction.problems.append(f"抱歉，我这里还没有“{value[:20]}”的车，换个城市或车站试试？")
    else:
        extraction.slots[slot] = place


def _extract_when(turn: Turn, entities: list[dict[str, Any]], extraction: Extraction) -> None:
    days, times = _of_type(entities, "date"), _of_type(entities, "time")
    change = re.search("改|换", turn.text) if turn.intent == "change_ticket" else None
    if change and days:
        old = [e for e in days if int(e.get("start") or 0) < change.start()]
        if old and (old_when := read_when(_with_suffix(turn.text, old[-1]), turn.now)) and old_when.days:
            extraction.old_day = old_when.days.first
        days = [e for e in days if e not in old]
    if not days and not times:
        return
    day = _with_suffix(turn.text, days[-1]) if days else ""
    base = turn.now
    if not day and turn.day:  # a time alone applies to the day that is already set
        day = str(turn.day)
    time = _time_words(turn.text, times) if times else ""
    when = read_when(f"{day}{time}" if not _MONTH_DAY.fullmatch(day) else f"{day}的{time}", base)
    if when is None and days:
        when = read_when(day, base)
    if when is None:
        extraction.problems.append(f"抱歉，没听懂“{(day if days else time)[:20]}”是什么时候，能换个说法吗？")
        return
    if when.times:
        extraction.slots["travel_time"] = str(when.times)
    if when.days and days:
        _set_day(turn, when.days.first, when.days.last, extraction)


def _set_day(turn: Turn, first: date, last: date, extraction: Extraction) -> None:
    today = turn.now.date()
    if first == last:
        if first < today:
            extraction.slots["travel_date"] = None
            extraction.problems.append(f"{day_text(first, today)}已经过去了，您想哪天走？")
        else:
            extraction.slots["travel_date"] = str(first)
        return
    extraction.slots["travel_date"] = None
    conjunction = "和" if last - first == timedelta(days=1) else "到"
    extraction.problems.append(f"{day_text(first, today)}{conjunction}{day_text(last, today)}，您想哪一天走？")


def _with_suffix(text: str, entity: dict[str, Any]) -> str:
    """An entity's value; a time with a following word such as 以后 or 左右."""
    suffix = _TIME_SUFFIX.match(text[int(entity.get("end") or len(text)) :])
    return entity["value"] + (suffix[0].lstrip("的") if suffix and entity["entity"] == "time" else "")


def _time_words(text: str, times: list[dict[str, Any]]) -> str:
    """The last time in the text, with an adjacent one before it: 三点到五点, 晚上的八点."""
    last = _with_suffix(text, times[-1])
    if len(times) > 1:
        between = text[int(times[-2].get("end") or 0) : int(times[-1].get("start") or 0)]
        if _RANGE_SEPARATOR.match(between):
            return f"{times[-2]['value']}到{last}"
        if between in ("", "的"):
            return times[-2]["value"] + last
    return last


def _extract_tickets(
    turn: Turn, seats: list[dict[str, Any]], counts: list[dict[str, Any]], extraction: Extraction
) -> None:
    if seats:
        seat = SEAT_SYNONYMS.get(seats[-1]["value"], seats[-1]["value"])
        if seat in SEAT_CLASSES:
            extraction.slots["seat_class"] = seat
        else:
            extraction.slots["seat_class"] = None
            extraction.problems.append(f"没有“{seat[:20]}”可卖，可以选{'、'.join(SEAT_CLASSES)}。")
    if not counts or turn.intent in ("order_meal", "change_ticket", "refund_ticket"):
        return
    between = turn.text[int(counts[0].get("end") or 0) : int(counts[-1].get("start") or 0)]
    counted = counts[-1:] if len(counts) > 1 and _CORRECTION.search(between) else counts
    parties = [read_count(entity["value"]) for entity in counted]
    _set_count(sum(party.total for party in parties if party) if all(parties) else 0, extraction)


def _set_count(total: int, extraction: Extraction) -> None:
    if 1 <= total <= MAX_TICKETS:
        extraction.slots["ticket_count"] = total
        return
    extraction.slots["ticket_count"] = None
    extraction.problems.append("没听清要几张，一次可以买一到二十张。")


def _extract_names(turn: Turn, entities: list[dict[str, Any]], extraction: Extraction) -> None:
    if trains := _of_type(entities, "train_no"):
        extraction.slots["train_no"] = clean(trains[-1]["value"]).upper()
    elif "origin" in extraction.slots or "destination" in extraction.slots:
        extraction.slots.update({"train_no": None} if turn.text_slot("train_no") else {})
    if kinds := _of_type(entities, "train_type"):
        extraction.slots["train_kind"] = TRAIN_KINDS.get(kinds[-1]["value"])
    if orders := _of_type(entities, "order_no"):
        extraction.slots["order_no"] = clean(orders[-1]["value"]).upper()
    if (phones := _of_type(entities, "phone")) and (phone := read_phone(phones[-1]["value"])):
        extraction.slots["phone"] = phone
    if people := _of_type(entities, "passenger"):
        names = list(dict.fromkeys(person["value"][:20] for person in people))
        extraction.slots["passengers"] = "、".join(names)
        if turn.asked == "ticket_count" and "ticket_count" not in extraction.slots:
            extraction.slots["ticket_count"] = len(names)


def _answer_from_text(turn: Turn, extraction: Extraction) -> None:
    """Treats the whole text, which has no entity, as the answer to the bot's question."""
    for slot, value in _answers(turn):
        extraction.slots[slot] = value
    if turn.asked == "travel_date" and (when := read_when(turn.text, turn.now)) and when.days:
        _set_day(turn, when.days.first, when.days.last, extraction)


def _answers(turn: Turn) -> Iterator[tuple[str, Any]]:
    if turn.asked in ("origin", "destination") and (place := resolve(clean(turn.text))):
        yield turn.asked, place
    if turn.asked == "ticket_count" and (party := read_count(turn.text)) and party.total <= MAX_TICKETS:
        yield "ticket_count", party.total
    if turn.asked == "seat_class" and clean(turn.text) in SEAT_CLASSES:
        yield "seat_class", clean(turn.text)
