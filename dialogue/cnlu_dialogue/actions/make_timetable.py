"""Makes the timetable of the railway bot: invented trains between real cities, the same on every run.

python -m cnlu_dialogue.actions.make_timetable FILE
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from cnlu.errors import UsageError, one_line
from cnlu.i18n import _
from cnlu_dialogue.actions.places import CITIES, kilometres

SCHEMA = """
CREATE TABLE train (number TEXT PRIMARY KEY, origin TEXT, destination TEXT, origin_city TEXT, destination_city TEXT,
                    departure INTEGER, arrival INTEGER);
CREATE TABLE fare (number TEXT, seat_class TEXT, cents INTEGER, seats INTEGER, PRIMARY KEY (number, seat_class));
CREATE INDEX by_cities ON train (origin_city, destination_city, departure);
"""
"""`departure` and `arrival` are minutes from midnight of the day of departure; `seats` is the number per day."""
FAST = {"二等座": 0.46, "一等座": 0.74, "商务座": 1.45}
SLOW = {"硬座": 0.14, "硬卧": 0.26, "软卧": 0.41}
"""Price of each seat class in yuan per kilometre."""
Train = tuple[str, str, str, str, str, int, int]


def stable_hash(text: str, below: int) -> int:
    """A hash of the text, from 0 to `below` - 1, that is the same in every process."""
    return zlib.crc32(text.encode("utf-8")) % below


def trains() -> Iterator[tuple[Train, dict[str, float], float]]:
    """Yields trains with price rates and kilometres: two fast ones per pair of cities, and a slow one above 900 km."""
    counters = {"G": 100, "K": 400}
    for first, second in itertools.permutations(CITIES, 2):
        distance = kilometres(first, second)
        for index, kind in enumerate("GGK" if distance > 900 else "GG"):
            counters[kind] += 1
            number = f"{kind}{counters[kind]}"
            station = 0 if kind == "G" else -1
            departure = 60 * _hour(number, index) + 5 * stable_hash(number + "m", 12)
            arrival = departure + 10 + round(distance / (230 if kind == "G" else 85) * 60)
            stations = CITIES[first][2][station], CITIES[second][2][station]
            yield (number, *stations, first, second, departure, arrival), FAST if kind == "G" else SLOW, distance


def _hour(number: str, index: int) -> int:
    """The hour of departure: fast trains leave in the morning and in the afternoon, slow ones in the evening."""
    earliest, hours = ((6, 6), (12, 9), (17, 5))[index]
    return earliest + stable_hash(number + "h", hours)


def make_timetable(path: Path) -> None:
    """Writes the file atomically; raises UsageError if it cannot be written."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        with closing(sqlite3.connect(partial)) as connection, connection:
            connection.executescript(SCHEMA)
            for train, classes, distance in trains():
                connection.execute("INSERT INTO train VALUES (?, ?, ?, ?, ?, ?, ?)", train)
                connection.executemany(
                    "INSERT INTO fare VALUES (?, ?, ?, ?)",
                    [
                        (train[0], name, 50 * round(distance * rate * 2), 40 + stable_hash(train[0] + name, 60))
                        for name, rate in classes.items()
                    ],
                )
        os.replace(partial, path)
    except (OSError, sqlite3.Error) as error:
        partial.unlink(missing_ok=True) if path.parent.is_dir() else None
        problem = _("the timetable cannot be written there ({reason})", reason=one_line(error))
        raise UsageError(path, problem, _("name another folder")) from error


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m cnlu_dialogue.actions.make_timetable FILE")
    try:
        make_timetable(Path(sys.argv[1]))
    except UsageError as error:
        sys.exit(str(error))
