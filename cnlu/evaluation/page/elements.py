"""HTML elements as strings. Everything that is not an element is text, and is escaped."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from html import escape

_VOID = frozenset({"meta", "input", "br", "col"})
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Bidirectional control characters, which would let a text run over its neighbours."""


class Html(str):
    """HTML from `tag`; any other string is text."""

    __slots__ = ()


Child = str | None | Iterable["Child"]
"""An element, a text, None, or an iterable of these."""


def tag(name: str, /, *children: Child, **attributes: object) -> Html:
    """The element `name` with its children and attributes.

    In an attribute's name a final `_` is removed (`class_`, because Python reserves `class`) and others become `-`. An
    attribute that is None or False is left out.
    """
    start = name + "".join(_attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    return Html(f"<{start}>" if name in _VOID else f"<{start}>{inner(*children)}</{name}>")


def inner(*children: Child) -> Html:
    """The children in sequence, with text escaped."""
    return Html("".join(map(_content, children)))


def _content(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, str):
        return child if isinstance(child, Html) else escape(visible(child))
    return "".join(map(_content, child))


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(visible(str(value)))}"'


def visible(text: str) -> str:
    """The text with visible replacements: control pictures for control characters, U+FFFD for lone surrogates,
    noncharacters and bidirectional controls.

    The length stays the same, so offsets remain valid.
    """
    return text if text.isprintable() and not _BIDI & set(text) else "".join(map(_shown, text))


def _shown(ch: str) -> str:
    code = ord(ch)
    if ch in "\n\t":
        return ch
    if code < 32 or code == 127:
        return chr(0x2400 + code) if code < 32 else "\u2421"
    return "\ufffd" if unicodedata.category(ch) in ("Cc", "Cs") or code & 0xFFFE == 0xFFFE or ch in _BIDI else ch
