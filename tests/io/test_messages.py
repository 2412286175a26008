"""Formatting the user's text inside a message."""

from __future__ import annotations

from cnlu.io.messages import shown


def test_text_in_a_message_is_short_printable_and_on_one_line() -> None:
    assert shown("你好😀 [x]") == "“你好😀 [x]”"
    assert shown("a\n\0\ud800\u2028") == "“a\\n\\x00\\ud800\\u2028”"
    assert shown("长" * 5000) == "“" + "长" * 40 + "…”"
