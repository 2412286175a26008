"""No text blocks a parser: neither one that provokes backtracking nor a very long one."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from itertools import product
from typing import Any

import pytest

from cnlu_dialogue.values.amounts import read_amount
from cnlu_dialogue.values.counts import read_count
from cnlu_dialogue.values.dates import read_date
from cnlu_dialogue.values.durations import read_duration
from cnlu_dialogue.values.numbers import read_number
from cnlu_dialogue.values.phones import read_digits, read_identity, read_phone
from cnlu_dialogue.values.times import read_time
from cnlu_dialogue.values.when import read_when

NOW = datetime(2026, 3, 5, 10, 0)
PARSERS: dict[str, Callable[[str], Any]] = {
    "date": lambda text: read_date(text, NOW),
    "time": lambda text: read_time(text, NOW),
    "when": lambda text: read_when(text, NOW),
    "count": read_count,
    "duration": read_duration,
    "number": read_number,
    "amount": read_amount,
    "phone": read_phone,
    "digits": read_digits,
    "identity": read_identity,
}
UNITS = [
    "1",
    "1.1",
    "1,111",
    "一",
    "十",
    "点",
    "后",
    "到",
    "早1点到",
    "不晚于",
    "下",
    "过",
    "的",
    "半",
    "天",
    "月",
    "初",
    "两大一小",
    "国庆",
    "最早",
    "三个零",
    "块",
    "今晚",
]


def text_of(unit: str, size: int, end: str) -> str:
    return (unit * size)[:size] + end


@pytest.mark.parametrize("name", PARSERS)
def test_no_text_that_provokes_backtracking_blocks_a_parser(name: str) -> None:
    start = time.process_time()
    for unit, end in product(UNITS, ("", "!x", "点")):
        PARSERS[name](text_of(unit, 57, end))
    assert time.process_time() - start < 10, "69 texts of 60 characters"


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_rejects_a_text_that_is_far_too_long_at_once(name: str) -> None:
    start = time.process_time()
    for unit in UNITS:
        assert not PARSERS[name](text_of(unit, 1_000_000, ""))
    assert time.process_time() - start < 10
