"""Durations: 两个半小时, 一刻钟, 三天."""

from __future__ import annotations

import re
from datetime import timedelta

from cnlu_dialogue.values.clean import clean
from cnlu_dialogue.values.numbers import NUMERAL, read_number

_UNITS = {
    "分钟": 1,
    "分": 1,
    "刻钟": 15,
    "小时": 60,
    "钟头": 60,
    "钟点": 60,
    "钟": 60,
    "天": 1440,
    "日": 1440,
    "夜": 1440,
    "星期": 10080,
    "礼拜": 10080,
    "周": 10080,
    "月": 43200,
}
_PART = re.compile(
    rf"(?:(?P<number>{NUMERAL})(?P<more>个半|个)?|(?P<half>半)个?)(?P<unit>{'|'.join(_UNITS)})(?P<after>半(?![个天]))?零?"
)


def read_duration(text: str) -> timedelta | None:
    """The duration that `text` states, a month counted as 30 days; None if there is none or a vague one (好一会儿)."""
    plain, position, minutes, smallest = clean(text), 0, 0.0, float("inf")
    while position < len(plain):
        match = _PART.match(plain, position)
        if not match or _UNITS[match["unit"]] >= smallest:
            return None
        if match["unit"] == "钟" and not match["half"] and not match["more"]:
            return None  # 两个钟 is two hours, 两钟 means nothing
        number = 0.5 if match["half"] else read_number(match["number"])
        if number is None:
            return None
        smallest = _UNITS[match["unit"]]
        halves = (match["more"] == "个半") + bool(match["after"])
        minutes += (float(number) + 0.5 * halves) * smallest
        position = match.end()
    return timedelta(minutes=minutes) if 0 < minutes <= 525600 else None
