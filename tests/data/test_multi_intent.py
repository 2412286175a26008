"""Names of several intents."""

from __future__ import annotations

import pytest

from cnlu.data.multi_intent import parts, same_set


@pytest.mark.parametrize(
    ("name", "single"),
    [("a+b", ["a", "b"]), ("订票+天气+a/b", ["订票", "天气", "a/b"]), ("c++", ["c++"]), ("+1", ["+1"])],
)
def test_a_name_is_taken_apart_only_where_every_part_is_a_name(name: str, single: list[str]) -> None:
    assert parts(name) == single


def test_orders_of_the_same_intents_are_one() -> None:
    assert same_set("b+a") == same_set("a+b") == "a+b" and same_set(None) is None
