"""Dates and times as intervals: 周末 is two days, 晚上 is six hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

DAY = 24 * 60
"""Minutes in a day."""


@dataclass(frozen=True)
class Days:
    """A day, or a first and a last day."""

    first: date
    last: date

    @property
    def is_single(self) -> bool:
        return self.first == self.last

    def __str__(self) -> str:
        return str(self.first) if self.is_single else f"{self.first}/{self.last}"


@dataclass(frozen=True)
class Times:
    """The earliest and the latest minute, counted from midnight; 24:00 and later belong to the following night."""

    earliest: int
    latest: int

    @property
    def is_exact(self) -> bool:
        return self.earliest == self.latest

    def __str__(self) -> str:
        return clock(self.earliest) if self.is_exact else f"{clock(self.earliest)}/{clock(self.latest)}"


@dataclass(frozen=True)
class When:
    """Days, times of day, or both; at least one of them is set."""

    days: Days | None
    times: Times | None

    def __str__(self) -> str:
        if self.days is None or self.times is None:
            return str(self.days or self.times)
        days, times = self.days, self.times
        if days.is_single and times.earliest >= DAY:  # 今晚十二点 is the next day's first minute
            day = days.first + timedelta(days=1)
            days, times = Days(day, day), Times(times.earliest - DAY, times.latest - DAY)
        return f"{days}T{times}"

    def start(self, zone: tzinfo) -> datetime | None:
        """The first moment; None if there is no day."""
        if self.days is None:
            return None
        midnight = datetime(self.days.first.year, self.days.first.month, self.days.first.day, tzinfo=zone)
        return midnight + timedelta(minutes=self.times.earliest if self.times else 0)


def parse_times(text: str) -> Times:
    """Parses what `str(Times)` writes."""
    ends = [int(hour) * 60 + int(minute) for hour, minute in (end.split(":") for end in text.split("/"))]
    return Times(ends[0], ends[-1])


def clock(minutes: int) -> str:
    """1200 minutes from midnight are 20:00."""
    return f"{minutes // 60:02}:{minutes % 60:02}"
