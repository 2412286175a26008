"""What every reader does first: one writing for what can be written in several ways."""

from __future__ import annotations

import unicodedata

LONGEST = 60
"""Characters; a longer text is no value but a speech, and is not read."""
LONGEST_RAW = 4 * LONGEST
"""Characters before blanks are taken out; of a longer text nothing is looked at."""
TAIL = "的吧呢啊呀哦哈嘛啦,。!?、~."


def clean(text: str) -> str:
    """Full-width forms to plain ones, no blanks, no particles at the end; empty where there is too much to read."""
    if len(text) > LONGEST_RAW:
        return ""
    plain = "".join(unicodedata.normalize("NFKC", text).split())
    return "" if len(plain) > LONGEST else plain.rstrip(TAIL)
