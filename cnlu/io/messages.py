"""Formats the user's text for messages: short, on one line, printable in any terminal."""

from __future__ import annotations

import sys


def shown(text: str, limit: int = 40) -> str:
    """`text` in curly quotes, cut after `limit` characters; control characters and surrogates as escapes."""
    head = text if len(text) <= limit else text[:limit] + "…"
    return "“" + "".join(ch if ch.isprintable() else ascii(ch)[1:-1] for ch in head) + "”"


def encodable(text: str) -> str:
    """The text, with escapes for the characters that standard output cannot encode."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
