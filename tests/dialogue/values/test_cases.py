"""The parsers of values on the expressions of railway users in cases.yml, and on generated texts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cnlu_dialogue.values.amounts import read_amount
from cnlu_dialogue.values.counts import read_count
from cnlu_dialogue.values.dates import read_date
from cnlu_dialogue.values.durations import read_duration
from cnlu_dialogue.values.intervals import Times, parse_times
from cnlu_dialogue.values.numbers import read_number, read_whole, spell
from cnlu_dialogue.values.phones import read_digits, read_identity, read_phone
from cnlu_dialogue.values.times import read_time
from cnlu_dialogue.values.when import read_when

CONTENT, LATER = (
    yaml.safe_load((Path(__file__).parent / name).read_text("utf-8")) for name in ("cases.yml", "later.yml")
)
THURSDAY = datetime.fromisoformat(CONTENT["nows"]["thu"])


def count(text: str, now: datetime) -> int | None:
    party = read_count(text)
    return party and party.total


def minutes(text: str, now: datetime) -> float | None:
    length = read_duration(text)
    return length and length / timedelta(minutes=1)


PARSERS: dict[str, Callable[[str, datetime], Any]] = {
    "date": read_date,
    "time": read_time,
    "datetime": read_when,
    "count": count,
    "duration": minutes,
    "number": lambda text, now: read_number(text),
    "amount": lambda text, now: read_amount(text),
    "phone": lambda text, now: read_phone(text),
}


def plain(value: Any) -> Any:
    """A number in one form for all types; any other value as text."""
    try:
        return Decimal(str(value)).normalize()
    except ArithmeticError:
        return str(value)


@pytest.mark.parametrize(
    "case", CONTENT["cases"] + LATER["cases"], ids=lambda case: f"{case['kind']}-{case['text']}-{case.get('now')}"
)
def test_a_value_is_parsed_as_it_is_meant(case: dict[str, Any]) -> None:
    now = datetime.fromisoformat(CONTENT["nows"][case.get("now", "thu")])
    answer = PARSERS[case["kind"]](case["text"], now)
    if case["expected"] is None or answer is None:
        assert answer is case["expected"]
    else:
        assert plain(answer) in [plain(value) for value in (case["expected"], *case.get("also", []))]


def test_a_past_time_today_moves_to_the_next_day_of_the_same_name_if_there_is_one() -> None:
    expected = {
        "今日上午九点": "2026-03-12T09:00",
        "周四上午九点": "2026-03-19T09:00",
        "十二号上午九点": "2026-04-12T09:00",
    }
    assert {text: str(read_when(text, THURSDAY)) for text in expected} == expected


@given(st.integers(0, 99_999_999))
def test_a_spelled_number_is_parsed_back(number: int) -> None:
    assert read_whole(spell(number)) == number


@given(st.integers(0, 9999), st.integers(0, 99))
def test_a_decimal_number_is_parsed(whole: int, cents: int) -> None:
    assert read_number(f"{whole}.{cents:02}") == Decimal(f"{whole}.{cents:02}")


@given(st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1)))
def test_a_written_day_is_parsed_back(day: datetime) -> None:
    spelled = f"{day.year}年{spell(day.month)}月{spell(day.day)}号"
    for text in (f"{day.year}年{day.month}月{day.day}日", f"{day:%Y-%m-%d}", spelled):
        assert str(read_date(text, THURSDAY)) == f"{day:%Y-%m-%d}"


@given(st.integers(0, 23), st.integers(0, 59))
def test_a_written_clock_time_is_parsed_back(hour: int, minute: int) -> None:
    assert read_time(f"{hour}:{minute:02}", THURSDAY) == Times(hour * 60 + minute, hour * 60 + minute)


@given(st.integers(0, 1439), st.integers(0, 1439))
def test_printed_times_are_parsed_back(first: int, last: int) -> None:
    times = Times(min(first, last), max(first, last))
    assert parse_times(str(times)) == times


@given(st.text(max_size=30))
def test_no_text_breaks_a_parser(text: str) -> None:
    for parser in PARSERS.values():
        parser(text, THURSDAY)
    read_identity(text)


WORDS = "今明后天周一二三四五六日月号点半下上午晚早前以到至十初正腊年个的0123456789:/-中秋国庆第"


@given(st.text(alphabet=WORDS, max_size=14))
def test_no_text_made_of_date_words_breaks_a_parser(text: str) -> None:
    for name in ("date", "time", "datetime", "duration", "amount", "count"):
        PARSERS[name](text, THURSDAY)


def test_identity_numbers_keep_their_last_letter() -> None:
    assert read_identity("11010520150606777x") == "11010520150606777X"
    assert read_digits("幺幺零") == "110"
