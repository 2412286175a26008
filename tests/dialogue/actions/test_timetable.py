"""The timetable, which is always the same and complete or absent; orders; and the server's environment."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import pytest

from cnlu.errors import UsageError
from cnlu_dialogue.actions.environment import now as current_time
from cnlu_dialogue.actions.environment import zone
from cnlu_dialogue.actions.make_timetable import make_timetable
from cnlu_dialogue.actions.places import CITIES, STATIONS, city_of, resolve
from cnlu_dialogue.actions.store import Fare, Order, Store, Train
from tests.places import PYTHONPATH


def test_the_timetable_is_the_same_every_time(tmp_path: Path, timetable: Path) -> None:
    make_timetable(tmp_path / "again.sqlite")
    other = Store(timetable)
    again = Store(tmp_path)
    for origin in ("北京", "厦门"):
        assert again.trains(origin, "上海") == other.trains(origin, "上海")
    assert not list(tmp_path.glob("*.part"))


def test_every_two_cities_have_a_train(store: Store) -> None:
    for origin in CITIES:
        for destination in set(CITIES) - {origin}:
            assert store.trains(origin, destination)


def test_a_folder_that_cannot_be_written_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="cannot be written there"):
        Store(tmp_path / "file" / "data")


def new_order(train: Train, day: date, fare: Fare, count: int = 1) -> Order:
    return Order(
        number="",
        train=train.number,
        day=day,
        seat_class=fare.seat_class,
        count=count,
        cents=fare.cents,
        passengers="",
        state="booked",
    )


def test_an_order_moves_only_to_a_train_with_enough_seats(store: Store, now: datetime) -> None:
    day = now.date()
    trains = store.trains("北京", "上海")
    available = [(train, fare) for train in trains for fare in store.fares(train.number, day) if fare.seats_left]
    train, fare = available[0]
    other, target = next((t, f) for t, f in available if t.number != train.number)
    order = store.book("甲", new_order(train, day, fare), now)
    assert order is not None
    sold_out = new_order(other, day, target, count=target.seats_left)
    assert store.book("乙", sold_out, now) is not None
    assert not store.rebook(order, other.number, day, target.seat_class, target.cents)
    assert store.order(order.number) == order
    assert store.rebook(order, train.number, now.date(), fare.seat_class, fare.cents) == (fare.seats_left > 1)


@pytest.mark.rasa
def test_the_server_refuses_a_wrong_environment_before_it_starts(
    tmp_path: Path, checkout: Path, sdk_python: str
) -> None:
    environment = {
        **os.environ,
        "CNLU_BOT_NOW": "soon",
        "CNLU_BOT_DATA": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([PYTHONPATH, os.environ.get("PYTHONPATH", "")]),
    }
    run = subprocess.run([sdk_python, "-m", "cnlu_dialogue.actions"], env=environment, capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.strip().endswith("CNLU_BOT_NOW=soon: not a date and time; write it as in 2026-03-12T15:00.")


def test_the_script_writes_a_timetable(tmp_path: Path, checkout: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "cnlu_dialogue.actions.make_timetable", str(tmp_path / "timetable.sqlite")],
        check=True,
        env={**os.environ, "PYTHONPATH": PYTHONPATH},
    )
    assert Store(tmp_path).train("G103")


def test_the_environment_can_fix_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNLU_BOT_NOW", "2026-03-12T15:00")
    assert current_time().isoformat() == "2026-03-12T15:00:00+08:00"


def test_an_unknown_time_zone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNLU_BOT_TIMEZONE", "Mars/Olympus")
    with pytest.raises(UsageError, match="not a time zone"):
        zone()


@pytest.mark.parametrize(
    ("word", "place"),
    [
        ("北京", "北京"),
        ("北京站", "北京"),
        ("上海虹桥站", "上海虹桥"),
        ("杭州市", "杭州"),
        ("火星", None),
        ("", None),
    ],
)
def test_a_word_names_a_city_or_a_station(word: str, place: str | None) -> None:
    assert resolve(word) == place
    assert place is None or city_of(place) in CITIES
    assert set(STATIONS.values()) == set(CITIES)


def test_a_refunded_seat_can_be_sold_again(store: Store, now: datetime) -> None:
    day = date(2026, 3, 14)
    train = store.trains("北京", "上海")[0]
    fare = next(fare for fare in store.fares(train.number, day) if fare.seats_left)
    order = store.book("u", new_order(train, day, fare), now)
    assert order
    sold = next(f for f in store.fares(train.number, day) if f.seat_class == fare.seat_class)
    store.set_state(order.number, "refunded")
    refunded = next(f for f in store.fares(train.number, day) if f.seat_class == fare.seat_class)
    assert (sold.seats_left, refunded.seats_left) == (fare.seats_left - 1, fare.seats_left)
