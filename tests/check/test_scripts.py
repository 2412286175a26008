"""Traditional and simplified, full and half width."""

from __future__ import annotations

import importlib.util

import pytest

from tests.check.examples import Found

SIMPLIFIED = [f"请帮我订{n}张车票" for n in range(2, 30)]
needs_opencc = pytest.mark.skipif(importlib.util.find_spec("opencc") is None, reason="needs the extra cnlu[zh]")


@needs_opencc
def test_a_traditional_example_among_simplified_ones_is_reported(found: Found) -> None:
    (one,) = found(["|".join(["intent: a", *SIMPLIFIED, "可以帶貓嗎"])], "mixed-script")
    assert "traditional characters “帶貓嗎”" in one.problem and "write 带猫吗" in one.fix


@needs_opencc
def test_a_simplified_example_among_traditional_ones_is_reported(found: Found) -> None:
    traditional = [
        line.replace("请", "請").replace("帮", "幫").replace("订", "訂").replace("张车", "張車") for line in SIMPLIFIED
    ]
    (one,) = found(["|".join(["intent: a", *traditional, "可以带猫吗"])], "mixed-script")
    assert "simplified characters “带猫吗”" in one.problem


@needs_opencc
def test_scripts_in_equal_parts_are_one_finding(found: Found) -> None:
    (one,) = found(["intent: a|带猫吗|买车票|可以帶貓嗎|買車票"], "mixed-script")
    assert len(one.related) == 1 and "text.simplify" in one.fix


@needs_opencc
@pytest.mark.parametrize("text", ["乾隆年间的瓷器", "著名景点", "王喆和李堃", "宫商角徵羽", "姓於的乘客", "G12 没票"])
def test_characters_of_both_scripts_are_not_reported(found: Found, text: str) -> None:
    assert found(["|".join(["intent: a", *SIMPLIFIED, text])], "mixed-script") == []


@needs_opencc
def test_a_model_that_joins_the_two_needs_no_warning(found: Found) -> None:
    assert found(["|".join(["intent: a", *SIMPLIFIED, "帶貓"])], "mixed-script", "text.simplify=true") == []


def test_mixed_widths_are_reported(found: Found) -> None:
    seen = found(["intent: a|坐[G12](train)|要[Ｇ１２](train)的票|好，走吧"], "mixed-width")
    assert [one.text for one in seen] == ["要Ｇ１２的票", "Ｇ１２"]
    assert found(["intent: a|好，走吧！|你好，在吗？"], "mixed-width") == []
