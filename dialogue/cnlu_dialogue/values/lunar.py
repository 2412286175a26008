"""The lunar calendar (with the library borax): its days, solar terms, and the feasts of both calendars."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from borax.calendars.lunardate import LCalendars, LunarDate, TermUtils


def lunar_day(year: int, month: int, day: int) -> date | None:
    """A day of a month of a lunar year (which begins at 春节), ignoring leap months; None if it does not exist."""
    try:
        return LunarDate(year, month, day).to_solar_date() if 1 <= day <= LCalendars.ndays(year, month) else None
    except ValueError:
        return None


def last_day_of_year(year: int) -> date:
    """除夕 of a lunar year, which falls in the next year of the common calendar."""
    return LunarDate(year + 1, 1, 1).to_solar_date() - timedelta(days=1)


def qingming(year: int) -> date:
    """清明 of a year of the common calendar."""
    return TermUtils.nth_term_day(year, term_name="清明")


def _fixed(month: int, day: int) -> Callable[[int], date | None]:
    return lambda year: date(year, month, day)


def _lunar(month: int, day: int) -> Callable[[int], date | None]:
    return lambda year: lunar_day(year, month, day)


FEASTS: dict[str, Callable[[int], date | None]] = {
    "元旦": _fixed(1, 1),
    "新年": _fixed(1, 1),
    "情人节": _fixed(2, 14),
    "妇女节": _fixed(3, 8),
    "三八": _fixed(3, 8),
    "五一": _fixed(5, 1),
    "劳动节": _fixed(5, 1),
    "青年节": _fixed(5, 4),
    "六一": _fixed(6, 1),
    "儿童节": _fixed(6, 1),
    "建军节": _fixed(8, 1),
    "教师节": _fixed(9, 10),
    "十一": _fixed(10, 1),
    "国庆": _fixed(10, 1),
    "平安夜": _fixed(12, 24),
    "圣诞": _fixed(12, 25),
    "春节": _lunar(1, 1),
    "过年": _lunar(1, 1),
    "年初一": _lunar(1, 1),
    "元宵": _lunar(1, 15),
    "龙抬头": _lunar(2, 2),
    "端午": _lunar(5, 5),
    "七夕": _lunar(7, 7),
    "中元": _lunar(7, 15),
    "中秋": _lunar(8, 15),
    "重阳": _lunar(9, 9),
    "腊八": _lunar(12, 8),
    "小年": _lunar(12, 23),
    "除夕": last_day_of_year,
    "大年三十": last_day_of_year,
    "年三十": last_day_of_year,
    "大年夜": last_day_of_year,
    "清明": qingming,
}
"""A feast's name -> a function from a year (a lunar one for lunar feasts) to its day."""


def next_feast(name: str, today: date) -> date | None:
    """The next day of this feast, which may be today; None for an unknown name."""
    return next_of(FEASTS[name], today) if name in FEASTS else None


def next_of(day_in: Callable[[int], date | None], today: date) -> date | None:
    """The first of the days `day_in(year)` that is not before today."""
    days = (day_in(year) for year in range(today.year - 1, today.year + 3))
    return min((day for day in days if day is not None and day >= today), default=None)
