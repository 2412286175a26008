"""Settings as dataclass fields with documentation and limits, and number types for the command line."""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Callable
from dataclasses import field
from typing import Any

from cnlu.errors import UsageError
from cnlu.i18n import _

MAX_COUNT = 1_000_000_000
"""The maximum of a count (examples, steps, megabytes) without another limit."""
SEEDS = 2**32 - 1
"""The largest seed: NumPy's generators take 32 bits."""


def setting(
    default: Any,
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    among: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
) -> Any:
    """A dataclass field with its documentation and its limits (`low` and `high` inclusive).

    Every number has a `low`; without a `high` it is a count, and at most MAX_COUNT. `needs`: the conditions without
    which the setting has no effect; see `cnlu.config.needs`.
    """
    if low is not None and high is None:
        high = MAX_COUNT
    return field(default=default, metadata={"doc": doc, "low": low, "high": high, "among": among, "needs": needs})


def check_limits(section: Any, name: str) -> None:
    """Raises UsageError if a field of the section called `name` is outside its limits or NaN."""
    for f in dataclasses.fields(section):
        value, meta = getattr(section, f.name), f.metadata
        if meta.get("among") and value not in meta["among"]:
            choices = ", ".join(meta["among"])
            raise UsageError(
                f"{name}.{f.name}", _("is {value}", value=repr(value)), _("choose one of: {choices}", choices=choices)
            )
        low, high = meta.get("low"), meta.get("high")
        if low is not None and not low <= value <= high:
            fix = _("it must be at least {low} and at most {high}", low=low, high=high)
            raise UsageError(f"{name}.{f.name}", _("is {value}", value=short(value)), fix)


def number_of(value: Any) -> int | float | None:
    """The finite number that `value` is, or that it spells as a string; None for anything else, such as a boolean."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = _parsed(value) if isinstance(value, str) else value
        return number if math.isfinite(number) else None
    except (ValueError, OverflowError):  # not a number, more digits than Python parses, or too large for a float
        return None


def _parsed(word: str) -> int | float:
    try:
        return int(word)
    except ValueError:
        return float(word)


def whole(low: int, high: int = MAX_COUNT) -> Callable[[str], int]:
    """For `type=` of an argparse option: a whole number within these limits, both inclusive."""

    def read(word: str) -> int:
        number = number_of(word)
        if number is None or number != int(number) or not low <= number <= high:
            raise argparse.ArgumentTypeError(
                _("{value} is not a whole number from {low} to {high}", value=short(word), low=low, high=high)
            )
        return int(number)

    return read


def real(low: float, high: float, above: bool = False) -> Callable[[str], float]:
    """For `type=` of an argparse option: a finite number within these inclusive limits; `above` excludes `low`."""

    def read(word: str) -> float:
        number = number_of(word)
        if number is None or not low <= number <= high or (above and number == low):
            limits = {"value": short(word), "low": f"{low:g}", "high": f"{high:g}"}
            above_low = _("{value} is not a number above {low} and up to {high}", **limits)
            from_low = _("{value} is not a number from {low} to {high}", **limits)
            raise argparse.ArgumentTypeError(above_low if above else from_low)
        return float(number)

    return read


def short(value: Any) -> str:
    """The `repr` of a value for a message, cut after 60 characters."""
    try:
        written = repr(value)
    except ValueError:  # Python converts no integer of more than 4,300 digits
        return _("a number of thousands of digits")
    return written if len(written) <= 60 else written[:60] + "…"
