"""Times of day: 晚上八点, 八点一刻, 下午三点半以后, 中午."""

from __future__ import annotations

import re
from datetime import date, datetime

from cnlu_dialogue.values.clean import clean
from cnlu_dialogue.values.intervals import DAY, Times
from cnlu_dialogue.values.numbers import NUMERAL, read_whole

PARTS = {
    "凌晨": (0, 5),
    "清晨": (5, 8),
    "清早": (5, 8),
    "大清早": (5, 8),
    "一大早": (5, 8),
    "一早": (5, 8),
    "早晨": (5, 10),
    "早上": (5, 10),
    "早": (5, 10),
    "上午": (6, 12),
    "中午": (11, 13),
    "正午": (11, 13),
    "午间": (11, 13),
    "下午": (12, 18),
    "午后": (12, 18),
    "傍晚": (17, 19),
    "晚上": (18, 24),
    "晚间": (18, 24),
    "晚": (18, 24),
    "夜里": (18, 24),
    "夜间": (18, 24),
    "夜晚": (18, 24),
    "半夜": (22, 24),
    "深夜": (22, 24),
}
"""The hours at which a part of the day begins and ends; 24 stands for 23:59."""
PART = "|".join(sorted(PARTS, key=len, reverse=True))
_NIGHT = {name for name, (begin, _) in PARTS.items() if begin >= 17}
_MINUTES = rf"(?:点|时)(?:(?P<half>半)|(?P<quarter>[一三123])刻|过?零?(?P<minute>{NUMERAL})分?|钟|整)?"
_CLOCK = re.compile(
    rf"(?P<part>{PART})?的?(?:(?P<h>\d{{1,2}}):(?P<m>\d\d)(?::\d\d)?|"
    rf"差(?P<short>{NUMERAL}|一刻)分?(?:钟)?(?P<before>{NUMERAL})点|(?P<hour>{NUMERAL}){_MINUTES})"
)
_OPEN = re.compile(r"(?P<time>.+?)(?P<side>之后|以后|往后|过后|后|之前|以前|前|左右|前后|上下|出头|多)")
_LATEST = ("不晚于", "不迟于", "最晚", "最迟", "不超过")
_LIMIT = re.compile(rf"(?P<limit>{'|'.join(_LATEST)}|不早于|最早)(?P<time>.+)")
_DIGITS = "一二三四五六七八九"
_NEXT_TO = re.compile(rf"(?P<part>{PART})?的?(?P<ten>十)?(?P<first>[{_DIGITS}])(?P<last>[{_DIGITS}])点(?:钟|多|左右)?")
_SPAN = re.compile(r"(?P<first>.+?)(?:到|至|[-~])(?P<last>.+)")


def read_time(text: str, now: datetime, day: date | None = None) -> Times | None:
    """The times of day that `text` names, on `day` (today by default); None if it names none."""
    return _read(clean(text), now, day or now.date())


def _read(plain: str, now: datetime, day: date) -> Times | None:
    if plain in PARTS:
        return _part(plain)
    exact = _clock(plain, now, day)
    if exact is not None:
        return Times(exact, exact)
    if match := _NEXT_TO.fullmatch(plain):
        return _either_hour(match, now, day)
    if match := _LIMIT.fullmatch(plain):
        times = _read(match["time"], now, day)
        return None if times is None else _widened(times, "前" if match["limit"] in _LATEST else "后")
    if match := _SPAN.fullmatch(plain):
        return _span(match["first"], match["last"], now, day)
    if match := _OPEN.fullmatch(plain):
        times = _read(match["time"], now, day)
        return None if times is None else _widened(times, match["side"])
    return None


def _either_hour(match: re.Match[str], now: datetime, day: date) -> Times | None:
    """下午四五点: from four to five."""
    if _DIGITS.index(match["last"]) != _DIGITS.index(match["first"]) + 1:
        return None
    ten, part = match["ten"] or "", match["part"] or ""
    return _span(f"{part}{ten}{match['first']}点", f"{ten}{match['last']}点", now, day)


def _part(name: str) -> Times:
    begin, end = PARTS[name]
    return Times(begin * 60, min(end * 60, DAY - 1))


def _widened(times: Times, side: str) -> Times | None:
    """The interval that 以后, 以前 or 左右 makes of the times."""
    if side in ("左右", "前后", "上下"):
        return Times(max(times.earliest - 30, 0), times.latest + 30)
    if side in ("出头", "多"):
        return Times(times.earliest, times.latest + 59) if times.is_exact else None
    if side.endswith("后"):
        return Times(times.earliest, max(DAY - 1, times.earliest))
    return Times(0, times.latest)


def _span(first: str, last: str, now: datetime, day: date) -> Times | None:
    """三点到五点: the second time is in the same part of the day as the first."""
    begin, end = _read(first, now, day), _read(last, now, day)
    part = re.match(PART, first)
    if part and not re.match(PART, last):
        end = _read(part[0] + last, now, day) or end
    if begin is None or end is None:
        return None
    latest = end.latest if end.latest >= begin.earliest else end.latest + DAY // 2
    return Times(begin.earliest, latest) if begin.earliest <= latest <= 2 * DAY else None


def _clock(plain: str, now: datetime, day: date) -> int | None:
    """Minutes from midnight of an exact time, or None."""
    match = _CLOCK.fullmatch(plain)
    if not match or plain in ("早一点", "晚一点"):  # "a bit earlier", not one o'clock
        return None
    if match["h"]:
        hour, minute = int(match["h"]), int(match["m"])
    elif match["before"]:
        full = read_whole(match["before"])
        short = 15 if match["short"] == "一刻" else read_whole(match["short"])
        if not full or not short or short >= 60:
            return None
        hour, minute = full - 1, 60 - short
    else:
        parsed_hour, parsed_minute = read_whole(match["hour"]), _minute(match)
        if parsed_hour is None or parsed_minute is None:
            return None
        hour, minute = parsed_hour, parsed_minute
    if minute > 59 or hour > 24 or (hour == 24 and minute):
        return None
    if match["part"]:
        return _in_part(match["part"], hour, minute)
    literal = bool(match["h"]) or hour > 12 or hour == 0
    return hour * 60 + minute if literal else _without_part(hour, minute, now, day)


def _minute(match: re.Match[str]) -> int | None:
    if match["half"]:
        return 30
    if match["quarter"]:
        return 15 * int(read_whole(match["quarter"]) or 0)
    return read_whole(match["minute"]) if match["minute"] else 0


def _in_part(part: str, hour: int, minute: int) -> int | None:
    """晚上八点 is 20:00, 晚上十二点 24:00, 半夜两点 26:00; None if they contradict each other."""
    begin, end = PARTS[part]
    if hour > 12:
        return hour * 60 + minute if begin <= hour <= end else None
    if part in _NIGHT:
        hour += 12 if 4 <= hour <= 12 else 24
    elif begin >= 11:
        hour += 12 if hour < begin - 1 else 0
    elif hour == 12:
        hour = 0 if part == "凌晨" else 12
    allowed = (begin - 2, end + 6) if part in _NIGHT else (max(begin - 2, 0), end + 1)
    return hour * 60 + minute if allowed[0] <= hour <= allowed[1] else None


def _without_part(hour: int, minute: int, now: datetime, day: date) -> int:
    """八点: today the next 8:00 or 20:00; on another day, 6 to 12 are literal and 1 to 5 are in the afternoon."""
    usual = (hour + 12 if hour < 6 else hour) * 60 + minute
    if day != now.date():
        return usual
    present = now.hour * 60 + now.minute
    coming = [at for at in (hour * 60 + minute, (hour + 12) * 60 + minute) if at >= present]
    return coming[0] if coming else usual
