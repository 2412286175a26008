"""Days relative to today: 下周三, 大后天, 十二号, 月底, 国庆前一天, 腊月二十八."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, datetime, timedelta

from cnlu_dialogue.values.clean import clean
from cnlu_dialogue.values.durations import read_duration
from cnlu_dialogue.values.intervals import Days
from cnlu_dialogue.values.lunar import FEASTS, lunar_day, next_feast, next_of
from cnlu_dialogue.values.numbers import NUMERAL, read_whole

_NEAR = {
    "大前天": -3,
    "前天": -2,
    "前日": -2,
    "昨天": -1,
    "昨儿": -1,
    "昨日": -1,
    "昨晚": -1,
    "今天": 0,
    "今儿": 0,
    "今日": 0,
    "今晚": 0,
    "今早": 0,
    "今晨": 0,
    "今夜": 0,
    "当天": 0,
    "明天": 1,
    "明儿": 1,
    "明日": 1,
    "明早": 1,
    "明晚": 1,
    "明晨": 1,
    "后天": 2,
    "后儿": 2,
    "后日": 2,
    "大后天": 3,
    "大后儿": 3,
}
_PAIRS = {"今明": (0, 1), "明后": (1, 2)}
_YEARS = {"去年": -1, "今年": 0, "明年": 1, "来年": 1, "后年": 2}
_WEEKDAYS = {
    name: number for number, names in enumerate(("一1", "二2", "三3", "四4", "五5", "六6", "日天")) for name in names
}
_LUNAR_MONTHS = {"正": 1, "冬": 11, "腊": 12}
_PARTS = {"初": (1, 5), "中": (13, 17), "上旬": (1, 10), "中旬": (11, 20)}
_MONTH = rf"(?:(?P<shift>下+|上|这|本)个?月|(?P<month>{NUMERAL})月)"
_FEAST = "|".join(sorted(FEASTS, key=len, reverse=True))


def read_date(text: str, now: datetime) -> Days | None:
    """The days that `text` names, relative to `now`; None if it names none."""
    plain = re.sub(r"(?<=.)(?:那天|那一天|当天|这天|[那这][趟班次])$", "", clean(text))
    plain = re.sub(r"(?<=[今明昨后])儿个$", "儿", plain)
    if re.fullmatch(r".+(?:到|至|[-~])(?!\d).+", plain) and (span := _span(plain, now)):
        return span
    for pattern, parse in _PATTERNS:
        if (match := pattern.fullmatch(plain)) and (days := parse(match, now.date())):
            return days
    return None


def _one(day: date | None) -> Days | None:
    return None if day is None else Days(day, day)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _span(plain: str, now: datetime) -> Days | None:
    """下周一到周三: the second day is the next one of its name after the first."""
    first, _, last = re.split(r"(到|至|[-~])", plain, maxsplit=1)
    begin = read_date(first, now)
    if begin is None:
        return None
    end = read_date(last, datetime.combine(begin.first, now.timetz()))
    return Days(begin.first, end.last) if end and end.last >= begin.first else None


def _near(match: re.Match[str], today: date) -> Days | None:
    return _one(today + timedelta(days=_NEAR[match[0]]))


def _two_days(match: re.Match[str], today: date) -> Days | None:
    first, last = _PAIRS[match["pair"]]
    return Days(today + timedelta(days=first), today + timedelta(days=last))


def _later(match: re.Match[str], today: date) -> Days | None:
    length = read_duration(match[1])
    return _one(today + length) if length and length % timedelta(days=1) == timedelta(0) else None


def _in_year(match: re.Match[str], today: date) -> Days | None:
    """明年元旦: the day in that year, past or future."""
    year = today.year + _YEARS[match["year"]]
    days = read_date(match["rest"], datetime(year, 1, 1))
    return days if days and days.first.year == year else None


def _weeks(shift: str | None) -> int:
    """The number of weeks that 下下 or 上 shifts a date by."""
    if not shift or shift in "这本":
        return 0
    return len(shift) if shift[0] == "下" else -len(shift)


def _weekday(match: re.Match[str], today: date) -> Days | None:
    weekday = _WEEKDAYS[match["day"]]
    if match["shift"]:
        return _one(today + timedelta(days=weekday - today.weekday() + 7 * _weeks(match["shift"])))
    return _one(today + timedelta(days=(weekday - today.weekday()) % 7))


def _weekend(match: re.Match[str], today: date) -> Days | None:
    saturday = today + timedelta(days=5 - today.weekday() + 7 * _weeks(match["shift"]))
    sunday = saturday + timedelta(days=1)
    return Days(max(saturday, today) if sunday >= today else saturday, sunday)


def _week(match: re.Match[str], today: date) -> Days | None:
    monday = today + timedelta(days=7 * _weeks(match["shift"]) - today.weekday())
    return Days(max(monday, today) if match["shift"][0] in "这本" else monday, monday + timedelta(days=6))


def _full(match: re.Match[str], today: date) -> Days | None:
    year, month, day = (read_whole(match[name]) for name in ("year", "month", "day"))
    if year is None or month is None or day is None:
        return None
    return _one(_day(year + 2000 if year < 100 else year, month, day))


def _month_day(match: re.Match[str], today: date) -> Days | None:
    month, day = read_whole(match["month"]), read_whole(match["day"])
    return None if month is None or day is None else _one(next_of(lambda year: _day(year, month, day), today))


def _shifted_day(match: re.Match[str], today: date) -> Days | None:
    day = read_whole(match["day"])
    return None if day is None else _one(_day(*_month_of(match, today), day))


def _day_of_month(match: re.Match[str], today: date) -> Days | None:
    """十二号: of this month, or of the next month in which this day is still to come."""
    day = read_whole(match["day"])
    if day is None:
        return None
    months = (divmod(today.year * 12 + today.month - 1 + ahead, 12) for ahead in range(3))
    days = (_day(year, month + 1, day) for year, month in months)
    return _one(min((candidate for candidate in days if candidate and candidate >= today), default=None))


def _month_of(match: re.Match[str], today: date) -> tuple[int, int]:
    """The year and month that 下个月, 五月 or no month mean; a past month is next year's, an impossible one is 0."""
    if match["month"]:
        month = read_whole(match["month"]) or 0
        return (today.year + (month < today.month), month) if 1 <= month <= 12 else (today.year, 0)
    shift = match["shift"] or ""
    year, month = divmod(today.year * 12 + today.month - 1 + _weeks(shift), 12)
    return year, month + 1


def _part_of_month(match: re.Match[str], today: date) -> Days | None:
    year, month = _month_of(match, today)
    if not month:
        return None
    part, no_month = match["part"] or "", not (match["month"] or match["shift"])
    days = _part_days(year, month, part)
    if no_month and days.last < today:
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        days = _part_days(year, month, part)
    return Days(max(days.first, today), days.last) if no_month else days


def _part_days(year: int, month: int, part: str) -> Days:
    last = monthrange(year, month)[1]
    begin, end = _PARTS.get(part, (1, last))
    begin = {"底": last - 4, "末": last - 4, "下旬": 21}.get(part, begin)
    return Days(date(year, month, begin), date(year, month, end))


def _nth_weekday(match: re.Match[str], today: date) -> Days | None:
    year, month = _month_of(match, today)
    number = read_whole(match["number"])
    if not month or not number:
        return None
    first = date(year, month, 1)
    day = first + timedelta(days=(_WEEKDAYS[match["day"]] - first.weekday()) % 7 + 7 * (number - 1))
    return _one(day) if day.month == month else None


def _lunar_date(match: re.Match[str], today: date) -> Days | None:
    name = match["lunar"] or "正"
    month = _LUNAR_MONTHS.get(name) or read_whole(name)
    day = read_whole(match["day"].removeprefix("初"))
    if month is None or day is None or not 1 <= month <= 12:
        return None
    return _one(next_of(lambda year: lunar_day(year, month, day), today))


def _feast(match: re.Match[str], today: date) -> Days | None:
    """国庆, 国庆前一天, 国庆第三天: counted from the feast's own day."""
    away = read_whole(match["away"]) if match["away"] else 0
    nth = read_whole(match["nth"]) if match["nth"] else 1
    if away is None or not nth or away > 30 or nth > 30:
        return None
    shift = timedelta(days=nth - 1 + (-away if match["side"] == "前" else away))
    day = next_feast(match["feast"], today - shift)
    return None if day is None else _one(day + shift)


def _holiday(match: re.Match[str], today: date) -> Days | None:
    first = next_feast(match["feast"], today - timedelta(days=6))
    long = {"国庆": 7, "十一": 7, "春节": 7, "过年": 7, "五一": 5, "劳动节": 5}
    length = long.get(match["feast"], 3)
    if first is not None and first + timedelta(days=length - 1) < today:
        first = next_feast(match["feast"], today)
    return None if first is None else Days(max(first, today), first + timedelta(days=length - 1))


_PATTERNS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], date], Days | None]], ...] = tuple(
    (re.compile(pattern), parse)
    for pattern, parse in (
        ("|".join(_NEAR), _near),
        (rf"(?P<pair>{'|'.join(_PAIRS)})两?天", _two_days),
        (r"(?:再?过)?(.+?)(?:之后|以后|过后|后)", _later),
        (r"再?过(.+)", _later),
        (rf"(?P<year>{'|'.join(_YEARS)})的?(?P<rest>(?:{NUMERAL}月|[正冬腊]月|农历|阴历|大?年|{_FEAST}).*)", _in_year),
        (r"(?P<shift>下+|上+|这|本)?个?(?:周|星期|礼拜)(?P<day>[一二三四五六日天1-6])", _weekday),
        (r"(?P<shift>下+|上+|这|本)?个?(?:周末|双休日)", _weekend),
        (r"(?P<shift>下+|上+|这|本)个?(?:周|星期|礼拜)", _week),
        (rf"(?P<year>{NUMERAL})年(?P<month>{NUMERAL})月(?P<day>{NUMERAL})[号日]?", _full),
        (r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})", _full),
        (r"(?P<month>\d{1,2})[-/.](?P<day>\d{1,2})", _month_day),
        (rf"(?P<month>{NUMERAL})月份?(?P<day>{NUMERAL})[号日]?", _month_day),
        (rf"(?P<shift>下+|上|这|本)个?月(?P<day>{NUMERAL})[号日]?(?P<month>)", _shifted_day),
        (rf"(?P<day>{NUMERAL})[号日]", _day_of_month),
        (rf"(?:{_MONTH}份?|月)的?(?P<part>[初中底末]|[上中下]旬)", _part_of_month),
        (rf"{_MONTH}份?(?P<part>)", _part_of_month),
        (rf"{_MONTH}的?第?(?P<number>{NUMERAL})个?(?:周|星期|礼拜)(?P<day>[一二三四五六日天])", _nth_weekday),
        (rf"(?:农历|阴历)(?P<lunar>[正冬腊]|{NUMERAL})月(?P<day>初?{NUMERAL})", _lunar_date),
        (rf"(?P<lunar>[正冬腊])月(?P<day>初?{NUMERAL})", _lunar_date),
        (rf"(?:(?P<lunar>{NUMERAL})月|大?年)?(?P<day>初[一二三四五六七八九十])", _lunar_date),
        (
            rf"(?P<feast>{_FEAST})节?(?:的?第(?P<nth>{NUMERAL})天)?"
            rf"(?:(?P<side>前|后)(?P<away>{NUMERAL})天)?",
            _feast,
        ),
        (rf"(?P<feast>{_FEAST})节?(?:期间|假期|放假|长假)", _holiday),
    )
)
