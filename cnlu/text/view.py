"""The characters of a raw text that the model reads: those that carry meaning, with their positions.

Features, tokens, tags and dictionary matches come from the view, and their spans are mapped back to raw offsets. The
view leaves out what cannot change the result:

- invisible characters: controls and what Unicode calls default-ignorable (zero-width spaces, joiners, BOM, soft
  hyphens, marks of direction, variation selectors);
- white space at the edges, and beside a Chinese character or Chinese punctuation: people do not write it, but speech
  recognition and scanning add it. Elsewhere a run of white space, including line breaks, becomes one space;
- punctuation at the very end, unless there is nothing else.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cnlu.text.chars import char_type

INVISIBLE = (
    "\\x00-\\x08\\x0e-\\x1b\\x7f-\\x84\\x86-\\x9f"  # controls that are no white space
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""For use in [...] of a regular expression: Default_Ignorable_Code_Point of Unicode 16 (DerivedCoreProperties.txt),
controls, and the characters of interlinear annotation."""
FINAL = frozenset("。．.｡!！?？…⋯~～,，、;；")
"""Punctuation that the view leaves out at the end of a text."""

_GAP = re.compile(rf"[\s{INVISIBLE}]+")
_SPACE = re.compile(r"\s")
_ATTACHED = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\U000e0020-\U000e007f]*")
"""Characters that change the look of the one before them: a span never ends between the two."""
_WIDE = re.compile("[\u3000-\u303f\ufe10-\ufe4f\uff00-\uffef…⋯—]")
_UNSPACED = ("han", "hannum", "kana")


@dataclass(frozen=True, slots=True)
class View:
    """A raw text and the characters that the model reads. Create one with `view`."""

    raw: str
    text: str
    """The characters that are read; a run of white space is one space."""
    raw_indices: Sequence[int]
    """For each character of `text` its index in `raw`, ascending."""

    def __len__(self) -> int:
        """The number of characters that are read."""
        return len(self.text)

    def to_raw(self, start: int, end: int) -> tuple[int, int]:
        """The raw span from the first to the last of the characters [start, end) of `text`; start < end."""
        if len(self.text) == len(self.raw):
            return start, end
        attached = _ATTACHED.match(self.raw, self.raw_indices[end - 1] + 1)
        assert attached
        return self.raw_indices[start], attached.end()

    def of_raw(self, start: int, end: int) -> tuple[int, int]:
        """The span of `text` within the raw span [start, end); empty if no character of that is read."""
        return bisect_left(self.raw_indices, start), bisect_left(self.raw_indices, end)

    def part(self, spans: Iterable[tuple[int, int]]) -> View:
        """A view of these spans of `text`, concatenated; it leaves out nothing more."""
        raw, text, raw_indices = "", "", list[int]()
        for start, end in spans:
            if start < end:
                first, last = self.raw_indices[start], self.to_raw(start, end)[1]
                raw_indices += [len(raw) + i - first for i in self.raw_indices[start:end]]
                raw, text = raw + self.raw[first:last], text + self.text[start:end]
        return View(raw, text, raw_indices)


def view(raw: str) -> View:
    """The view of a text; it is empty for a text of white space and invisible characters only."""
    text, raw_indices = (raw, range(len(raw))) if _GAP.search(raw) is None else _without_gaps(raw)
    size = len(text)
    while size and (text[size - 1] in FINAL or text[size - 1] == " "):
        size -= 1
    return View(raw, text[:size], raw_indices[:size]) if 0 < size < len(text) else View(raw, text, raw_indices)


def _without_gaps(raw: str) -> tuple[str, Sequence[int]]:
    """The text without invisible characters and meaningless spaces, and the index in `raw` of each character."""
    parts, raw_indices, read = list[str](), list[int](), 0
    for gap in _GAP.finditer(raw):
        start, end = gap.span()
        parts.append(raw[read:start])
        raw_indices += range(read, start)
        space = _SPACE.search(raw, start, end)
        if space and start and end < len(raw) and not (_unspaced(raw[start - 1]) or _unspaced(raw[end])):
            parts.append(" ")
            raw_indices.append(space.start())
        read = end
    parts.append(raw[read:])
    return "".join(parts), [*raw_indices, *range(read, len(raw))]


def _unspaced(ch: str) -> bool:
    """Whether white space beside the character has no meaning: it belongs to the Chinese or Japanese script."""
    kind = char_type(ch)
    if kind in _UNSPACED:
        return True
    return kind in ("punct", "symbol") and _WIDE.match(ch) is not None
