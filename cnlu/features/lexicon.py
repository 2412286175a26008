"""Finds the entries of lookup tables and the matches of regexes in a text."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import regex
from ahocorasick_rs import AhoCorasick

from cnlu.errors import DataError
from cnlu.features.regex_risk import has_nested_repeat, samples
from cnlu.features.regexes import BadRegexError, Clock, compile_regex
from cnlu.i18n import _
from cnlu.text.chars import char_type
from cnlu.text.normalize import Normalized, Normalizer
from cnlu.text.view import FINAL, View, view

_LEFT_OUT = re.compile(
    rf"[\s{re.escape(''.join(FINAL - set('.?')))}]"  # as itself
    r"|\\[stnrfvW.?]|\\x20|\\u3000|\\xa0|\[[^][]*[.?]"  # by its name; in a class
)
"""A regex that names white space, or punctuation that may stand at the end"""


class Match(NamedTuple):
    """A match of a lookup table or a regex."""

    start: int
    """First character, an index into the text that was normalised."""
    end: int
    """One past the last character."""
    name: str
    """Name of the lookup table or regex."""
    kind: str
    """"lookup" or "regex"."""
    entry: str
    """The table's entry or the pattern, as the user wrote it."""


class DictionaryIssue(NamedTuple):
    """An entry or pattern that cannot be used, or that works but hardly as intended."""

    kind: str
    """"lookup" or "regex"."""
    name: str
    """Name of the lookup table or regex."""
    entry: str
    """The entry or pattern, as the user wrote it."""
    rejected: bool
    """Whether it cannot be used at all"""
    problem: str
    """What is wrong, a part of a sentence"""
    fix: str
    """What to do about it, a part of a sentence"""

    def __str__(self) -> str:
        """The whole sentence, which begins with kind and name."""
        place = _("Lookup table `{name}`") if self.kind == "lookup" else _("Regex `{name}`")
        return str(DataError(place.format(name=self.name), self.problem, self.fix))


class Lexicon:
    """Lookup tables and regexes, ready to be matched; threads may share one.

    Lookup tables are matched on the normalised text, so width and case don't matter where the normalizer
    folds them. No word boundary is needed around an entry; only a run of Latin letters or of digits is never
    cut into: 3号线 is found in 坐3号线去 but not in 坐13号线去.

    Regexes (Python's `re`) run on the raw text, as the user sees it: width and case do matter, `(?i)` helps.
    Each match of a pattern counts once, from left to right, as `re.finditer` finds them; empty ones are
    ignored. A pattern that takes too long on a text (see `regexes`) has no hit in it, and a warning says so once.

    `issues`: one for each entry or pattern that cannot be used, or that works but hardly as intended; `rejected` and
    `notes` are the sentences of the former and the latter. `loaded`: how many entries and patterns are in use.
    """

    def __init__(
        self,
        lookups: Mapping[str, Sequence[str]],
        regexes: Mapping[str, Sequence[str]],
        normalizer: Normalizer,
    ) -> None:
        self.issues: list[DictionaryIssue] = []
        self.loaded = 0
        self._owners: list[list[tuple[str, str]]] = []  # for each needle, the (name, entry)s it stands for
        self._edges: list[tuple[str, str]] = []  # for each needle, see _edge
        self._finder = self._compile_lookups(lookups, normalizer)
        self._patterns = self._compile_regexes(regexes)

    @property
    def rejected(self) -> list[str]:
        """One sentence for each entry or pattern that cannot be used."""
        return [str(issue) for issue in self.issues if issue.rejected]

    @property
    def notes(self) -> list[str]:
        """One sentence for each pattern that works but hardly as intended."""
        return [str(issue) for issue in self.issues if not issue.rejected]

    def matches(self, normalized: Normalized, seen: View | None = None) -> list[Match]:
        """All matches in a text, sorted by start, end, kind and name.

        `seen` is the view whose text was normalised. A regex that names what a view leaves out looks at its raw text
        too; the offsets are the view's all the same.

        Within one name a hit inside a longer hit is dropped (北京 within 北京西站), while hits that merely
        overlap are all kept: which one is right is for the model to say. Hits of different names don't
        affect each other. See `without_overlaps` where only one may stand.
        """
        found: list[Match] = []
        if self._finder is not None:
            found += self._lookup_hits(normalized)
        if self._patterns:
            found += self._regex_hits(normalized.raw, seen)
        return _maximal(found) if len(found) > 1 else found

    def _regex_hits(self, text: str, seen: View | None) -> list[Match]:
        clock, hits = Clock(len(text)), []
        for name, pattern in self._patterns:
            try:
                spans = clock.find_all(pattern, text)
                if seen is not None and len(seen) < len(seen.raw) and _LEFT_OUT.search(pattern.pattern):
                    spans += [seen.of_raw(*span) for span in clock.find_all(pattern, seen.raw)]
            except TimeoutError:
                warnings.warn(
                    f"Regex `{name}`: `{pattern.pattern}` took too long on a text of {len(text)} characters and was "
                    "stopped there, without a hit; `cnlu check` tells which patterns can take long.",
                    stacklevel=2,
                )
                continue
            hits += [Match(start, end, name, "regex", pattern.pattern) for start, end in spans if start < end]
        return hits

    def _lookup_hits(self, normalized: Normalized) -> list[Match]:
        raw_of, size = normalized.raw_of, len(normalized.text)
        assert self._finder is not None
        hits = []
        for needle, start, end in self._finder.find_matches_as_indexes(normalized.text, overlapping=True):
            first, last = self._edges[needle]
            if start and _joined(normalized, start, first):
                continue
            if end < size and _joined(normalized, end, last):
                continue
            span = raw_of[start], raw_of[end - 1] + 1
            hits += [Match(*span, name, "lookup", entry) for name, entry in self._owners[needle]]
        return hits

    def _compile_lookups(self, lookups: Mapping[str, Sequence[str]], normalizer: Normalizer) -> AhoCorasick | None:
        owners: dict[str, list[tuple[str, str]]] = {}  # see self._owners
        for name, entries in lookups.items():
            seen: set[str] = set()
            for entry in entries:
                needle = normalizer.normalize(view(entry).text).text
                if not needle:
                    problem = _("the entry {entry} is blank", entry=repr(entry))
                    self.issues.append(
                        DictionaryIssue(
                            kind="lookup", name=name, entry=entry, rejected=True, problem=problem, fix=_("remove it")
                        )
                    )
                    continue
                self.loaded += 1
                if needle not in seen:
                    seen.add(needle)
                    owners.setdefault(needle, []).append((name, entry))
        self._owners = list(owners.values())
        self._edges = [(_edge(needle[0]), _edge(needle[-1])) for needle in owners]
        return AhoCorasick(list(owners), store_patterns=False) if owners else None

    def _compile_regexes(self, regexes: Mapping[str, Sequence[str]]) -> list[tuple[str, regex.Pattern[str]]]:
        compiled = []
        for name, patterns in regexes.items():
            for source in dict.fromkeys(patterns):
                try:
                    pattern = compile_regex(source)
                except BadRegexError as error:
                    problem = _("the pattern `{pattern}` cannot be compiled ({reason})", pattern=source, reason=error)
                    self.issues.append(
                        DictionaryIssue(
                            kind="regex", name=name, entry=source, rejected=True, problem=problem, fix=_("correct it")
                        )
                    )
                    continue
                compiled.append((name, pattern))
                self.loaded += 1
                self._note_pitfalls(name, pattern)
        return compiled

    def _note_pitfalls(self, name: str, pattern: regex.Pattern[str]) -> None:
        source = pattern.pattern
        found = []
        if re.search(r"(?<!\\)(?:\\\\)*\\b", source):
            problem = _(
                "\\b in `{pattern}` does not match between a Chinese character and another, a letter or a digit",
                pattern=source,
            )
            fix = _("leave it out, or name the neighbours, as in {example}", example=r"(?<!\d)\d{4}(?!\d)")
            found.append((problem, fix))
        if pattern.match(""):
            problem = _("`{pattern}` also matches the empty string, which is ignored", pattern=source)
            found.append((problem, _("write + for *")))
        if has_nested_repeat(source) or _takes_long(pattern):
            problem = _(
                "`{pattern}` can take very long on some texts, where it is stopped without a match: it repeats "
                "something that repeats by itself, as (a+)+ does, or that has two ways to match the same",
                pattern=source,
            )
            found.append((problem, _("leave out one of the repeats")))
        self.issues += [
            DictionaryIssue(kind="regex", name=name, entry=source, rejected=False, problem=problem, fix=fix)
            for problem, fix in found
        ]


def without_overlaps(matches: Sequence[Match]) -> list[Match]:
    """The matches without overlaps: the leftmost first, and the longest of those."""
    kept: list[Match] = []
    for match in sorted(matches, key=lambda m: (m.start, -m.end)):
        if not kept or match.start >= kept[-1].end:
            kept.append(match)
    return kept


def _takes_long(pattern: regex.Pattern[str]) -> bool:
    """Whether a short text of the pattern's own characters with an end that does not match takes it too long."""
    own = samples(pattern.pattern)[:16]
    for text in (character * 40 + end for character in own for end in ("\0", "\n" + own)):
        try:
            Clock(len(text)).find_all(pattern, text)
        except TimeoutError:
            return True
    return False


def _joined(normalized: Normalized, at: int, edge: str) -> bool:
    """Whether a cut before character `at` of the text splits a raw character or a run of type `edge`."""
    text, raw_of = normalized.text, normalized.raw_of
    if raw_of[at - 1] == raw_of[at]:
        return True
    return bool(edge) and char_type(text[at - 1]) == edge == char_type(text[at])


def _edge(ch: str) -> str:
    """The type of an entry's outermost character if a neighbour of that type would continue its run."""
    kind = char_type(ch)
    return kind if kind in ("latin", "digit") else ""


def _maximal(found: list[Match]) -> list[Match]:
    """Drop each match that lies inside another of the same kind and name, then sort."""
    furthest: dict[tuple[str, str], int] = {}
    kept = []
    for match in sorted(found, key=lambda m: (m.start, -m.end)):
        owner = (match.kind, match.name)
        if match.end > furthest.get(owner, 0):
            furthest[owner] = match.end
            kept.append(match)
    return sorted(kept, key=lambda m: (m.start, m.end, m.kind, m.name))
