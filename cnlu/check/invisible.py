"""Characters that nobody sees and that are part of a text all the same."""

from __future__ import annotations

from collections.abc import Iterator

from cnlu.check.corpus import Corpus
from cnlu.check.findings import Finding
from cnlu.text.chars import char_type

_MOST_NAMED = 5


def find_invisible(corpus: Corpus) -> Iterator[Finding]:
    """`invisible-character`; of examples and of dictionary entries, one finding a line. Parts of emoji are seen."""
    lines = [(line.example.source, line.example.text) for part in corpus.parts for line in part]
    lines += [(entry.source, entry.text) for entry in corpus.data.entries]
    for source, text in lines:
        places = [at for at, ch in enumerate(text) if char_type(ch) == "control"] if not text.isprintable() else []
        if places:
            named = ", ".join(f"U+{ord(text[at]):04X} at {at}" for at in places[:_MOST_NAMED])
            more = f" and {len(places) - _MOST_NAMED} more" if len(places) > _MOST_NAMED else ""
            problem = f"holds characters that are not seen: {named}{more}"
            fix = "remove them, unless users' texts have them too"
            yield Finding("invisible-character", source, text, problem, fix)


def has_invisible(name: str) -> bool:
    """Whether a name holds a character that nobody sees."""
    return any(char_type(ch) == "control" for ch in name)
