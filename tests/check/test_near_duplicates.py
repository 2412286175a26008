"""Examples that are nearly the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.text.near_duplicates import one_edit_keys
from tests.check.examples import Found

LONG = "我昨天晚上在你们网站上买的那张去杭州的票怎么到现在都没有短信通知我啊"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("查一下车票", "查一下，车票。"),
        ("我想改签", "我想改签啊"),
        ("我想要把票退了行吗", "我想要把车票退了行吗"),
        ("怎么查我的订单状态", "如么查我的订单状态"),
        (LONG, LONG.replace("网站上", "网站里").replace("通知我", "通知")),
    ],
)
def test_texts_with_small_differences_are_near_duplicates(found: Found, one: str, other: str) -> None:
    (seen,) = found([f"intent: a|{one}|{other}"])
    assert (seen.code, seen.severity, len(seen.related)) == ("near-duplicate", "info", 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("好", "好啊"),  # short answers are worth having
        ("我要退票", "我要改票"),
        ("帮我把这张票退了", "帮我把那两张票退了"),
        ("我想要把票退了行吗", "我不想要把票退了行吗"),
        ("帮我订三张明天的票", "帮我订两张明天的票"),
        ("帮我订去[北京](city)的车票", "帮我订去[南京](city)的车票"),
        (LONG, LONG.replace("没有短信", "有短信")),
    ],
)
def test_entities_numbers_and_negations_make_texts_different(found: Found, one: str, other: str) -> None:
    assert found([f"intent: a|{one}|{other}"], "near-duplicate") == []


def test_other_intents_are_not_compared(found: Found) -> None:
    assert found(["intent: a|帮我把这张车票退掉", "intent: b|帮我把这张车票改掉"]) == []


def test_a_chain_is_one_group(found: Found) -> None:
    (seen,) = found(["intent: a|怎么查我的订单状态|怎么查我的订单状况|怎么看我的订单状况"], "near-duplicate")
    assert len(seen.related) == 2


def test_repeats_are_not_reported_twice(found: Found) -> None:
    assert [one.code for one in found(["intent: a|我想改签|我想改签"])] == ["duplicate"]


def one_apart(one: str, two: str) -> bool:
    """By trying, as the hashes' independent reckoning."""
    if one == two:
        return True
    shorter, longer = sorted((one, two), key=len)
    if len(longer) - len(shorter) == 1:
        return any(longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer)))
    # With one character less in both: one replaced, or one moved.
    left = {one[:at] + one[at + 1 :] for at in range(len(one))}
    return len(one) == len(two) and any(two[:at] + two[at + 1 :] in left for at in range(len(two)))


@given(st.lists(st.text("ab中", max_size=5), min_size=1, max_size=5))
def test_texts_share_a_hash_exactly_when_one_character_makes_the_difference(texts: list[str]) -> None:
    keys, owners = one_edit_keys(texts)
    of = [set(keys[owners == at].tolist()) for at in range(len(texts))]
    for one in range(len(texts)):
        for two in range(one):
            assert bool(of[one] & of[two]) == one_apart(texts[one], texts[two])
