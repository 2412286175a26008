"""Trains, seats and orders in two SQLite files; timetable.sqlite is created if it is missing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from cnlu.errors import UsageError, one_line
from cnlu.i18n import _
from cnlu_dialogue.actions.make_timetable import make_timetable, stable_hash
from cnlu_dialogue.actions.places import city_of

ORDERS = """
CREATE TABLE IF NOT EXISTS booking (
    number TEXT PRIMARY KEY, sender TEXT, train TEXT, day TEXT, seat_class TEXT, count INTEGER, cents INTEGER,
    passengers TEXT, state TEXT, made TEXT);
"""


@dataclass(frozen=True)
class Train:
    number: str
    origin: str
    destination: str
    origin_city: str
    destination_city: str
    departure: int
    """Minutes from midnight, as `arrival`; 24 hours and more are a later day."""
    arrival: int


@dataclass(frozen=True)
class Fare:
    seat_class: str
    cents: int
    seats_left: int


@dataclass(frozen=True)
class Order:
    number: str
    train: str
    day: date
    seat_class: str
    count: int
    cents: int
    """For all tickets together."""
    passengers: str
    state: str
    """booked, refunded, or waiting."""


class Store:
    """The timetable and the orders; every call opens its file, so that processes can share it."""

    def __init__(self, folder: Path) -> None:
        """Creates missing files; raises UsageError if that fails."""
        self.timetable, self.orders = folder / "timetable.sqlite", folder / "orders.sqlite"
        if not self.timetable.is_file():
            make_timetable(self.timetable)
        try:
            with self._open(self.orders) as connection:
                connection.executescript(ORDERS)
        except sqlite3.Error as error:
            problem = _("cannot be opened ({reason})", reason=one_line(error))
            raise UsageError(self.orders, problem, _("name another folder")) from error

    @contextmanager
    def _open(self, path: Path) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(path, timeout=5)) as connection, connection:
            yield connection

    def trains(self, origin: str, destination: str) -> list[Train]:
        """The trains between two cities or stations, by departure."""
        query = "SELECT * FROM train WHERE origin_city = ? AND destination_city = ? ORDER BY departure"
        with self._open(self.timetable) as connection:
            rows = connection.execute(query, (city_of(origin), city_of(destination))).fetchall()
        return [Train(*row) for row in rows]

    def train(self, number: str) -> Train | None:
        with self._open(self.timetable) as connection:
            row = connection.execute("SELECT * FROM train WHERE number = ?", (number.upper(),)).fetchone()
        return Train(*row) if row else None

    def fares(self, train: str, day: date) -> list[Fare]:
        """The fares of a train, the cheapest class first, with the seats left on that day."""
        with self._open(self.timetable) as connection:
            rows = connection.execute(
                "SELECT seat_class, cents, seats FROM fare WHERE number = ? ORDER BY cents", (train,)
            ).fetchall()
        return [Fare(name, cents, self._seats_left(train, name, seats, day)) for name, cents, seats in rows]

    def _seats_left(self, train: str, seat_class: str, seats: int, day: date) -> int:
        with self._open(self.orders) as connection:
            return max(_initial_seats(train, seat_class, seats, day) - _sold(connection, train, seat_class, day), 0)

    def book(self, sender: str, order: Order, now: datetime) -> Order | None:
        """Saves an order and returns it with its new number; None if too few seats are left.

        Counting and saving are one transaction, so the last ticket is sold only once.
        """
        initial = self._initial_seats(order.train, order.seat_class, order.day)
        with self._open(self.orders) as connection:
            connection.execute("BEGIN IMMEDIATE")
            sold = _sold(connection, order.train, order.seat_class, order.day)
            if order.state == "booked" and initial - sold < order.count:
                return None
            (count,) = connection.execute("SELECT count(*) FROM booking").fetchone()
            number = f"E{204000000 + (count + 1) * 37:09}"
            connection.execute(
                "INSERT INTO booking VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    number,
                    sender,
                    order.train,
                    str(order.day),
                    order.seat_class,
                    order.count,
                    order.cents,
                    order.passengers,
                    order.state,
                    now.isoformat(),
                ),
            )
        return replace(order, number=number)

    def order(self, number: str) -> Order | None:
        orders = self._orders("number = ?", number.upper())
        return orders[0] if orders else None

    def orders_of(self, sender: str) -> list[Order]:
        """The orders of a conversation that are not refunded, latest first."""
        return self._orders("sender = ? AND state != 'refunded'", sender)

    def _orders(self, condition: str, value: str) -> list[Order]:
        query = (
            "SELECT number, train, day, seat_class, count, cents, passengers, state FROM booking "
            f"WHERE {condition} ORDER BY made DESC, rowid DESC"
        )
        with self._open(self.orders) as connection:
            rows = connection.execute(query, (value,)).fetchall()
        return [Order(n, t, date.fromisoformat(d), *rest) for n, t, d, *rest in rows]

    def set_state(self, number: str, state: str) -> None:
        """Changes the state of an order."""
        with self._open(self.orders) as connection:
            connection.execute("UPDATE booking SET state = ? WHERE number = ?", (state, number))

    def rebook(self, order: Order, train: str, day: date, seat_class: str, cents: int) -> bool:
        """Moves an order to another train, day, class and price; False without a change if too few seats are left."""
        initial = self._initial_seats(train, seat_class, day)
        with self._open(self.orders) as connection:
            connection.execute("BEGIN IMMEDIATE")
            if initial - _sold(connection, train, seat_class, day) < order.count:
                return False
            connection.execute(
                "UPDATE booking SET train = ?, day = ?, seat_class = ?, cents = ? WHERE number = ?",
                (train, str(day), seat_class, cents, order.number),
            )
        return True

    def _initial_seats(self, train: str, seat_class: str, day: date) -> int:
        with self._open(self.timetable) as connection:
            query = "SELECT seats FROM fare WHERE number = ? AND seat_class = ?"
            (seats,) = connection.execute(query, (train, seat_class)).fetchone()
        return _initial_seats(train, seat_class, seats, day)


def _initial_seats(train: str, seat_class: str, seats: int, day: date) -> int:
    """The seats on sale for a day; about one in nine days of a class is sold out from the start."""
    key = f"{train} {seat_class} {day}"
    return 0 if stable_hash(key + "x", 9) == 0 else stable_hash(key, seats)


def _sold(connection: sqlite3.Connection, train: str, seat_class: str, day: date) -> int:
    query = "SELECT coalesce(sum(count), 0) FROM booking WHERE train = ? AND seat_class = ? AND day = ? AND state = ?"
    (sold,) = connection.execute(query, (train, seat_class, str(day), "booked")).fetchone()
    return int(sold)
