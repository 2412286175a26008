"""What a check can find: the codes with their severities, and a finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

SEVERITIES = ("error", "warning", "info")
"""The worst first. An error: the examples contradict each other, or something of them cannot be learned at all. A
warning: most likely a slip. Info: worth knowing, often as it should be."""


class Code(NamedTuple):
    """A kind of finding."""

    severity: str
    title: str
    """What all findings of the code have in common."""


CODES = {
    "unreadable-example": Code("error", "lines that cannot be read, so training refuses the data"),
    "unread-markup": Code("error", "annotations in other brackets, which are learned as text"),
    "folded-block": Code("error", "blocks whose style joins their lines"),
    "two-intents": Code("error", "one text under two intents"),
    "two-annotations": Code("error", "one text, annotated in two ways"),
    "overlapping-entities": Code("error", "entities that overlap, of which only the longest is learned"),
    "misplaced-span": Code("error", "a span that does not cover its value"),
    "similar-names": Code("error", "names that differ in letter case, width or separators only"),
    "rejected-entry": Code("error", "entries of dictionaries that cannot be used"),
    "unknown-label": Code("error", "labels of the test that no training example has"),
    "test-disagrees": Code("error", "a text of the test that training has otherwise"),
    "bare-value": Code("warning", "values annotated elsewhere and bare here"),
    "rare-type": Code("warning", "values that nearly always have another type"),
    "two-values": Code("warning", "one surface that stands for two values, or a value that is written in two ways"),
    "two-intents-alike": Code("warning", "texts that differ in punctuation or particles, under two intents"),
    "loose-span": Code("warning", "a space or punctuation at the edge of a span"),
    "cut-span": Code("warning", "a span that cuts a number or a Latin word"),
    "odd-name": Code("warning", "names with quotes, spaces or invisible characters that are hardly meant"),
    "unknown-key": Code("warning", "keys that mean nothing and are left alone"),
    "remark": Code("warning", "remarks that are read as text"),
    "unread-table": Code("warning", "files of lookup tables that are not read"),
    "lost-example": Code("warning", "lines that are not learned from, or hardly as they are meant"),
    "few-examples": Code("warning", "intents with few examples"),
    "few-entities": Code("warning", "entity types with few annotations"),
    "duplicate": Code("warning", "the same example more than once"),
    "mixed-script": Code("warning", "traditional among simplified characters, or the other way round"),
    "odd-regex": Code("warning", "regexes that hardly work as they are meant"),
    "unused-regex": Code("warning", "regexes that match no example"),
    "unused-table": Code("warning", "lookup tables of which no entry stands in an example"),
    "test-in-train": Code("warning", "texts of the test that training has too"),
    "near-duplicate": Code("info", "examples that are nearly the same"),
    "bare-type": Code("info", "entity types of which many values stand bare"),
    "bare-in-intent": Code("info", "entity types that an intent never has, though values of theirs stand in it"),
    "imbalance": Code("info", "intents that are small beside the largest"),
    "one-type-value": Code("info", "values that count for one type, while other types have the surface too"),
    "invisible-character": Code("info", "characters that nobody sees"),
    "mixed-width": Code("info", "full-width letters or digits among half-width ones"),
    "unused-entry": Code("info", "lookup entries that stand in no example"),
    "unused-synonym": Code("info", "synonyms that stand in no example"),
}
"""By name, in the order of reports. Names are stable: they stand in users' settings."""


class Place(NamedTuple):
    """Another place that a finding speaks of."""

    source: str
    """`file:line`."""
    text: str
    """The example's text, or the dictionary's entry."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    code: str
    source: str
    """`file:line`, or the file alone where no line is to blame."""
    text: str
    """The example's text, the label or the dictionary's entry; the line as written where it cannot be read."""
    problem: str
    """What is wrong: a sentence without its end, whose subject is the text."""
    fix: str
    """What to do about it, an order without its end."""
    related: tuple[Place, ...] = ()

    @property
    def severity(self) -> str:
        return CODES[self.code].severity
