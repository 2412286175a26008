"""Names of several intents."""

from __future__ import annotations

import pytest

from cnlu.data.multi_intent import canonical_intent, split_intent


@pytest.mark.parametrize(
    ("name", "single"),
    [("a+b", ["a", "b"]), ("订票+天气+a/b", ["订票", "天气", "a/b"]), ("c++", ["c++"]), ("+1", ["+1"])],
)
def test_a_name_is_taken_apart_only_where_every_part_is_a_name(name: str, single: list[str]) -> None:
    assert split_intent(name) == single


def test_orders_of_the_same_intents_are_one() -> None:
    assert canonical_intent("b+a") == canonical_intent("a+b") == "a+b" and canonical_intent(None) is None
