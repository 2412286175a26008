"""The findings of a check: their codes and severities, and the finding itself."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

from cnlu.i18n import _

SEVERITIES = ("error", "warning", "info")
"""From worst to mildest. An error: the examples contradict each other, or a part of them cannot be learned. A warning:
probably a mistake. Info: worth knowing, often intended."""

CODES = {
    "unreadable-example": "error",
    "mistyped-markup": "error",
    "folded-block": "error",
    "two-intents": "error",
    "two-annotations": "error",
    "overlapping-entities": "error",
    "misplaced-span": "error",
    "similar-names": "error",
    "rejected-entry": "error",
    "unknown-label": "error",
    "test-disagrees": "error",
    "missing-annotation": "warning",
    "conflicting-type": "warning",
    "two-values": "warning",
    "near-duplicate-two-intents": "warning",
    "untrimmed-span": "warning",
    "partial-word-span": "warning",
    "suspicious-name": "warning",
    "unknown-key": "warning",
    "inline-comment": "warning",
    "unread-table": "warning",
    "skipped-example": "warning",
    "few-examples": "warning",
    "few-entities": "warning",
    "duplicate": "warning",
    "mixed-script": "warning",
    "suspicious-regex": "warning",
    "unused-regex": "warning",
    "unused-table": "warning",
    "test-in-train": "warning",
    "near-duplicate": "info",
    "missing-annotation-type": "info",
    "missing-annotation-intent": "info",
    "imbalance": "info",
    "one-type-value": "info",
    "invisible-character": "info",
    "mixed-width": "info",
    "unused-entry": "info",
    "unused-synonym": "info",
}
"""The severity of each code, in the order of reports. Codes are stable because users' settings contain them."""

RENAMED = {
    "unread-markup": "mistyped-markup",
    "bare-value": "missing-annotation",
    "bare-type": "missing-annotation-type",
    "bare-in-intent": "missing-annotation-intent",
    "rare-type": "conflicting-type",
    "two-intents-alike": "near-duplicate-two-intents",
    "loose-span": "untrimmed-span",
    "cut-span": "partial-word-span",
    "odd-name": "suspicious-name",
    "odd-regex": "suspicious-regex",
    "remark": "inline-comment",
    "lost-example": "skipped-example",
}
"""Former codes and their present names, for the error about a setting that still has the former one."""


def title(code: str) -> str:
    """What all findings of a code have in common, in the user's language."""
    return {"error": _error_titles, "warning": _warning_titles, "info": _info_titles}[CODES[code]]()[code]


def _error_titles() -> dict[str, str]:
    return {
        "unreadable-example": _("lines that cannot be read, so that training refuses the data"),
        "mistyped-markup": _("annotations in wrong brackets, which are learned as text"),
        "folded-block": _("blocks whose YAML style joins their lines"),
        "two-intents": _("texts with two intents"),
        "two-annotations": _("texts annotated in two ways"),
        "overlapping-entities": _("overlapping entities, of which only the longest is learned"),
        "misplaced-span": _("spans that do not cover their value"),
        "similar-names": _("names that differ only in letter case, width or separators"),
        "rejected-entry": _("dictionary entries that cannot be used"),
        "unknown-label": _("labels of the test data that no training example has"),
        "test-disagrees": _("texts of the test data that the training data labels differently"),
    }


def _warning_titles() -> dict[str, str]:
    return {
        "missing-annotation": _("values that are annotated elsewhere but not here"),
        "conflicting-type": _("values that nearly always have another type"),
        "two-values": _("surfaces with two values, or values written in two ways"),
        "near-duplicate-two-intents": _("texts with two intents that differ only in punctuation or particles"),
        "untrimmed-span": _("spans that begin or end with a space or punctuation"),
        "partial-word-span": _("spans that end inside a number or a Latin word"),
        "suspicious-name": _("names with quotes, spaces or invisible characters that are probably a mistake"),
        "unknown-key": _("unknown keys, which are ignored"),
        "inline-comment": _("comments that are read as text"),
        "unread-table": _("files of lookup tables that are not read"),
        "skipped-example": _("lines that are skipped or probably misread"),
        "few-examples": _("intents with few examples"),
        "few-entities": _("entity types with few annotations"),
        "duplicate": _("examples that occur more than once"),
        "mixed-script": _("traditional and simplified characters in the same data"),
        "suspicious-regex": _("regexes that probably do not work as intended"),
        "unused-regex": _("regexes that match no example"),
        "unused-table": _("lookup tables without an entry in any example"),
        "test-in-train": _("texts of the test data that are in the training data too"),
    }


def _info_titles() -> dict[str, str]:
    return {
        "near-duplicate": _("examples that are nearly the same"),
        "missing-annotation-type": _("entity types whose values often have no annotation"),
        "missing-annotation-intent": _("entity types that an intent never has, although their values occur in it"),
        "imbalance": _("intents that are much smaller than the largest one"),
        "one-type-value": _("values that apply to one type, while other types have the same surface"),
        "invisible-character": _("invisible characters"),
        "mixed-width": _("full-width and half-width letters or digits in the same data"),
        "unused-entry": _("lookup entries that occur in no example"),
        "unused-synonym": _("synonyms that occur in no example"),
    }


class Place(NamedTuple):
    """Another place that a finding refers to."""

    source: str
    """`file:line`."""
    text: str
    """The example's text, or the dictionary's entry."""


@dataclass(frozen=True)
class Finding:
    """One problem in the examples."""

    code: str
    source: str
    """`file:line`, or the file alone if no single line is the cause."""
    text: str
    """The example's text, the label or the dictionary entry; the line as written if it cannot be read."""
    problem: str
    """What is wrong, as a part of a sentence; the text is its subject."""
    fix: str
    """What to do about it, as a part of a sentence."""
    _: KW_ONLY
    related: tuple[Place, ...] = ()

    @property
    def severity(self) -> str:
        return CODES[self.code]
