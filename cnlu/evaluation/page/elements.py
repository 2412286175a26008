"""HTML elements as strings: whatever is not an element itself is text and comes out escaped."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from html import escape

_VOID = frozenset({"meta", "input", "br", "col"})
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of what follows: they would let a text run over its neighbours."""


class Html(str):
    """HTML that `tag` made; any other string is somebody's text."""

    __slots__ = ()


Child = str | None | Iterable["Child"]
"""An element, a text, nothing, or several of them."""


def tag(name: str, /, *children: Child, **attributes: object) -> Html:
    """The element `name`. Of an attribute's name `_` at the end goes, others become `-`; None and False leave it out.

    What is in it may come as lists; a name such as `class_` is written so because Python keeps `class` for itself.
    """
    given = "".join(_attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    return Html(f"<{name}{given}>" if name in _VOID else f"<{name}{given}>{inner(*children)}</{name}>")


def inner(*children: Child) -> Html:
    """The children one after the other, texts escaped."""
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
    """What a page cannot hold or must not obey, shown: controls as their signs, lone surrogates and the like as U+FFFD.

    As long as `text`, so offsets stay.
    """
    return text if text.isprintable() and not _BIDI & set(text) else "".join(map(_shown, text))


def _shown(ch: str) -> str:
    code = ord(ch)
    if ch in "\n\t":
        return ch
    if code < 32 or code == 127:
        return chr(0x2400 + code) if code < 32 else "\u2421"
    return "\ufffd" if unicodedata.category(ch) in ("Cc", "Cs") or code & 0xFFFE == 0xFFFE or ch in _BIDI else ch
