"""Invisible characters in texts."""

from __future__ import annotations

from collections.abc import Iterator

from cnlu.check.corpus import Corpus
from cnlu.check.findings import Finding
from cnlu.i18n import _
from cnlu.text.chars import char_type

_MAX_LISTED = 5


def find_invisible(corpus: Corpus) -> Iterator[Finding]:
    """`invisible-character`; in examples and dictionary entries, one finding per line. Parts of emoji are visible."""
    lines = [(line.example.source, line.example.text) for part in corpus.parts for line in part]
    lines += [(entry.source, entry.text) for entry in corpus.data.entries]
    for source, text in lines:
        indices = [at for at, ch in enumerate(text) if char_type(ch) == "control"] if not text.isprintable() else []
        if indices:
            listed = ", ".join(
                _("{character} at {index}", character=f"U+{ord(text[at]):04X}", index=at)
                for at in indices[:_MAX_LISTED]
            )
            if len(indices) > _MAX_LISTED:
                listed = _("{listed} and {count} more", listed=listed, count=len(indices) - _MAX_LISTED)
            problem = _("has invisible characters: {characters}", characters=listed)
            fix = _("remove them, unless users' texts have them too")
            yield Finding("invisible-character", source, text, problem, fix)


def has_invisible(name: str) -> bool:
    """Whether a name has an invisible character."""
    return any(char_type(ch) == "control" for ch in name)
