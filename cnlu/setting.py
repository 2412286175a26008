"""How a setting is declared: a dataclass field with its documentation and its limits."""

from __future__ import annotations

import dataclasses
from dataclasses import field
from typing import Any

from cnlu.errors import UsageError


def setting(
    default: Any,
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    among: tuple[str, ...] = (),
) -> Any:
    """A dataclass field with its documentation and its limits (`low` and `high` inclusive)."""
    return field(default=default, metadata={"doc": doc, "low": low, "high": high, "among": among})


def check_limits(section: Any, name: str) -> None:
    """Raises UsageError where a field of the section, called `name`, is outside its limits."""
    for f in dataclasses.fields(section):
        value, meta = getattr(section, f.name), f.metadata
        if meta.get("among") and value not in meta["among"]:
            raise UsageError(f"{name}.{f.name} is {value!r}; choose one of: {', '.join(meta['among'])}.")
        low, high = meta.get("low"), meta.get("high")
        if low is not None and value < low:
            raise UsageError(f"{name}.{f.name} is {value}; it must be at least {low}.")
        if high is not None and value > high:
            raise UsageError(f"{name}.{f.name} is {value}; it must be at most {high}.")
