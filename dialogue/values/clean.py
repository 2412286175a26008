"""What every reader does first: one writing for what can be written in several ways."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 60
"""Characters; a longer text is no value but a speech, and is not read."""
TAIL = re.compile(r"[的吧呢啊呀哦哈嘛啦,。!?、~.]+$")


def clean(text: str) -> str:
    """Full-width forms to plain ones, no blanks, no particles at the end; empty where there is too much to read."""
    plain = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))
    return "" if len(plain) > LONGEST else TAIL.sub("", plain)
