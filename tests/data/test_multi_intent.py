"""Intent names that hold several intents."""

from __future__ import annotations

import pytest

from cnlu.data.multi_intent import canonical_intent, split_intent


@pytest.mark.parametrize(
    ("name", "single"),
    [("a+b", ["a", "b"]), ("订票+天气+a/b", ["订票", "天气", "a/b"]), ("c++", ["c++"]), ("+1", ["+1"])],
)
def test_a_name_is_split_only_if_every_part_is_a_name(name: str, single: list[str]) -> None:
    assert split_intent(name) == single


def test_the_canonical_name_does_not_depend_on_the_order_of_intents() -> None:
    assert canonical_intent("b+a") == canonical_intent("a+b") == "a+b" and canonical_intent(None) is None
