"""Days and times together: 下周三晚上八点, 今晚, 两个小时后."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

from cnlu_dialogue.values.clean import clean
from cnlu_dialogue.values.dates import read_date
from cnlu_dialogue.values.durations import read_duration
from cnlu_dialogue.values.intervals import Days, Times, When
from cnlu_dialogue.values.numbers import NUMERAL
from cnlu_dialogue.values.times import read_time

_FUSED = (
    ("今晚", "今天晚上"),
    ("今夜", "今天晚上"),
    ("明晚", "明天晚上"),
    ("昨晚", "昨天晚上"),
    ("今早", "今天早上"),
    ("今晨", "今天早上"),
    ("明早", "明天早上"),
    ("明晨", "明天早上"),
)
_RECURRING = re.compile(rf"(?:周|星期|礼拜).|{NUMERAL}[号日]")
_LATER = re.compile(r"(?:再?过)?(.+?)(?:之后|以后|后)")


def read_when(text: str, now: datetime) -> When | None:
    """The days, the times of day, or both that `text` names; None if it names neither, or anything else."""
    plain = clean(text)
    if plain in ("现在", "这会儿", "此刻", "马上", "立刻"):
        return _moment(now)
    if (match := _LATER.fullmatch(plain)) and (length := read_duration(match[1])) and length < timedelta(days=1):
        return _moment(now + length)
    days = None if any(plain.startswith(fused) for fused, _ in _FUSED) else read_date(plain, now)
    if days:
        return When(days, None)
    for fused, separate in _FUSED:
        plain = plain.replace(fused, separate + "的") if plain.startswith(fused) else plain
    if times := read_time(plain, now):
        return When(None, times)
    return _split(plain, now)


def _split(plain: str, now: datetime) -> When | None:
    """Splits the text into a day and a time, in either order; prefers the longest day."""
    for position in range(len(plain) - 1, 0, -1):
        head, tail = plain[:position], plain[position:].lstrip("的,在")
        if (days := read_date(head, now)) and (times := read_time(tail, now, days.first)):
            return When(_coming(head, days, times, now), times)
    for position in range(1, len(plain)):
        head, tail = plain[:position], plain[position:].lstrip("的,在")
        if (days := read_date(tail, now)) and (times := read_time(head, now, days.first)):
            return When(days, times)
    return None


def _coming(day_words: str, days: Days, times: Times, now: datetime) -> Days:
    """周四上午九点 on a Thursday afternoon means next Thursday: 周四 and 十二号 recur, 今天 does not."""
    over = days.is_single and days.first == now.date() and times.latest < now.hour * 60 + now.minute
    if not over or not _RECURRING.fullmatch(day_words):
        return days
    tomorrow = datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo)
    return read_date(day_words, tomorrow) or days


def _moment(at: datetime) -> When:
    minutes = at.hour * 60 + at.minute
    return When(Days(at.date(), at.date()), Times(minutes, minutes))
