"""What dates and times are read as: spans, for 周末 is two days and 晚上 is hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

DAY = 24 * 60
"""Minutes."""


@dataclass(frozen=True)
class Days:
    """A day, or a first and a last one."""

    first: date
    last: date

    @property
    def one(self) -> bool:
        return self.first == self.last

    def __str__(self) -> str:
        return str(self.first) if self.one else f"{self.first}/{self.last}"


@dataclass(frozen=True)
class Times:
    """An earliest and a latest minute of a day, counted from its midnight; 24:00 and later are of the night after."""

    earliest: int
    latest: int

    @property
    def one(self) -> bool:
        return self.earliest == self.latest

    def __str__(self) -> str:
        return clock(self.earliest) if self.one else f"{clock(self.earliest)}/{clock(self.latest)}"


@dataclass(frozen=True)
class When:
    """Days, times of day, or both; never neither."""

    days: Days | None
    times: Times | None

    def __str__(self) -> str:
        if self.days is None or self.times is None:
            return str(self.days or self.times)
        days, times = self.days, self.times
        if days.one and times.earliest >= DAY:  # 今晚十二点 is the next day's first minute
            day = days.first + timedelta(days=1)
            days, times = Days(day, day), Times(times.earliest - DAY, times.latest - DAY)
        return f"{days}T{times}"

    def start(self, zone: tzinfo) -> datetime | None:
        """The first moment, or None without a day."""
        if self.days is None:
            return None
        midnight = datetime(self.days.first.year, self.days.first.month, self.days.first.day, tzinfo=zone)
        return midnight + timedelta(minutes=self.times.earliest if self.times else 0)


def times_of(text: str) -> Times:
    """What `str` wrote of Times, read back."""
    ends = [int(hour) * 60 + int(minute) for hour, minute in (end.split(":") for end in text.split("/"))]
    return Times(ends[0], ends[-1])


def clock(minutes: int) -> str:
    """1200 is 20:00."""
    return f"{minutes // 60:02}:{minutes % 60:02}"
