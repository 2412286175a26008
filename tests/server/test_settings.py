"""A server's settings are checked before anything starts."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from cnlu.errors import UsageError
from cnlu.server.settings import ServerSettings

NEW = ServerSettings(Path("model"))
NUMBERS = [field.name for field in dataclasses.fields(NEW) if "int" in str(field.type) or "float" in str(field.type)]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1, 1e300, 10**30])
@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_is_finite_and_in_range(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')}: .* is out of range; give a number from .* to "):
        dataclasses.replace(NEW, **{name: value})


def test_a_body_limit_above_the_budget_is_refused() -> None:
    with pytest.raises(UsageError, match="--max-bodies"):
        dataclasses.replace(NEW, max_body=2000, max_bodies=1000)
