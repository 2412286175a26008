"""Reads JSON as strictly as RFC 8259 requires."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def no_json(word: str) -> NoReturn:
    raise AssertionError(f"{word} is no JSON")


def finite(written: str) -> float:
    assert abs(float(written)) < float("inf"), written
    return float(written)


def strict(body: bytes | str) -> Any:
    return json.loads(body, parse_constant=no_json, parse_float=finite)
