"""The timetable of the railway bot: invented trains between real cities, the same ones whenever it is made.

python -m cnlu_dialogue.actions.make_timetable FILE
"""

from __future__ import annotations

import os
import sqlite3
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from cnlu.errors import UsageError
from cnlu_dialogue.actions.places import CITIES, kilometres

SCHEMA = """
CREATE TABLE train (number TEXT PRIMARY KEY, origin TEXT, destination TEXT, origin_city TEXT, destination_city TEXT,
                    departure INTEGER, arrival INTEGER);
CREATE TABLE fare (number TEXT, seat_class TEXT, cents INTEGER, seats INTEGER, PRIMARY KEY (number, seat_class));
CREATE INDEX by_cities ON train (origin_city, destination_city, departure);
"""
"""`departure` and `arrival` are minutes from midnight of the day of departure; `seats` is what a day offers."""
FAST = {"二等座": 0.46, "一等座": 0.74, "商务座": 1.45}
SLOW = {"硬座": 0.14, "硬卧": 0.26, "软卧": 0.41}
"""Seat classes to yuan a kilometre."""
Train = tuple[str, str, str, str, str, int, int]


def draw(text: str, below: int) -> int:
    """A number from 0 to below - 1 that is always the same for a text."""
    return zlib.crc32(text.encode("utf-8")) % below


def trains() -> Iterator[tuple[Train, dict[str, float], float]]:
    """Each train, its classes, its kilometres: two fast ones a pair of cities, and a slow one where it is far."""
    counters = {"G": 100, "K": 400}
    for first, (_, _, starts) in CITIES.items():
        for second, (_, _, ends) in CITIES.items():
            if first == second:
                continue
            away = kilometres(first, second)
            kinds = ["G", "G"] + (["K"] if away > 900 else [])
            for place, kind in enumerate(kinds):
                counters[kind] += 1
                number = f"{kind}{counters[kind]}"
                hour = 6 + draw(number + "h", 6) if place == 0 else 12 + draw(number + "h", 9)
                hour = 17 + draw(number + "h", 5) if kind == "K" else hour
                departure = hour * 60 + 5 * draw(number + "m", 12)
                arrival = departure + 10 + round(away / (230 if kind == "G" else 85) * 60)
                start = starts[0] if kind == "G" else starts[-1]
                end = ends[0] if kind == "G" else ends[-1]
                yield (number, start, end, first, second, departure, arrival), FAST if kind == "G" else SLOW, away


def make_timetable(path: Path) -> None:
    """Writes the file in one step: a reader sees all of it or none. UsageError where it cannot be written."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        with closing(sqlite3.connect(partial)) as connection, connection:
            connection.executescript(SCHEMA)
            for train, classes, away in trains():
                connection.execute("INSERT INTO train VALUES (?, ?, ?, ?, ?, ?, ?)", train)
                connection.executemany(
                    "INSERT INTO fare VALUES (?, ?, ?, ?)",
                    [
                        (train[0], name, 50 * round(away * rate * 2), 40 + draw(train[0] + name, 60))
                        for name, rate in classes.items()
                    ],
                )
        os.replace(partial, path)
    except (OSError, sqlite3.Error) as error:
        partial.unlink(missing_ok=True) if path.parent.is_dir() else None
        raise UsageError(f"{path}: the timetable cannot be written there ({error}); name another folder.") from error


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m cnlu_dialogue.actions.make_timetable FILE")
    try:
        make_timetable(Path(sys.argv[1]))
    except UsageError as error:
        sys.exit(str(error))
