"""Text normalisation, the first step of every parser."""

from __future__ import annotations

import unicodedata

LONGEST = 60
"""Maximum number of characters of a value."""
LONGEST_RAW = 4 * LONGEST
"""Maximum number of characters before blanks are removed; a longer text is not processed."""
TAIL = "的吧呢啊呀哦哈嘛啦,。!?、~."


def clean(text: str) -> str:
    """Half-width forms without blanks and final particles; empty if the text is too long."""
    if len(text) > LONGEST_RAW:
        return ""
    plain = "".join(unicodedata.normalize("NFKC", text).split())
    return "" if len(plain) > LONGEST else plain.rstrip(TAIL)
