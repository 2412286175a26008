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
from cnlu.features.regexes import BadRegexError, TimeBudget, compile_regex
from cnlu.i18n import _
from cnlu.text.chars import char_type
from cnlu.text.normalize import Normalized, Normalizer
from cnlu.text.view import FINAL, View, view

_LEFT_OUT = re.compile(
    rf"[\s{re.escape(''.join(FINAL - set('.?')))}]"  # as itself
    r"|\\[stnrfvW.?]|\\x20|\\u3000|\\xa0|\[[^][]*[.?]"  # as an escape; in a class
)
"""A regex that mentions what a view may leave out: white space and final punctuation"""


class Match(NamedTuple):
    """A match of a lookup table or a regex."""

    start: int
    """First character, an index into the text that was normalized."""
    end: int
    """One past the last character."""
    name: str
    """Name of the lookup table or regex."""
    kind: str
    """"lookup" or "regex"."""
    entry: str
    """The table's entry or the pattern, as the user wrote it."""


class DictionaryIssue(NamedTuple):
    """An entry or pattern that cannot be used, or that probably does not work as intended."""

    kind: str
    """"lookup" or "regex"."""
    name: str
    """Name of the lookup table or regex."""
    entry: str
    """The entry or pattern, as the user wrote it."""
    rejected: bool
    """Whether it cannot be used at all"""
    problem: str
    """What is wrong, as a part of a sentence"""
    fix: str
    """What to do about it, as a part of a sentence"""

    def __str__(self) -> str:
        """The whole sentence; it begins with kind and name."""
        place = _("Lookup table `{name}`") if self.kind == "lookup" else _("Regex `{name}`")
        return str(DataError(place.format(name=self.name), self.problem, self.fix))


class Lexicon:
    """Lookup tables and regexes, ready to be matched; thread-safe.

    Lookup tables are matched on the normalized text, so width and case don't matter if the normalizer folds them. An
    entry needs no word boundary around it, but a match never splits a run of Latin letters or of digits: 3号线 matches
    in 坐3号线去 but not in 坐13号线去.

    Regexes (Python's `re`) run on the raw text, so width and case do matter; `(?i)` ignores case. Matches are those of
    `re.finditer` without the empty ones. A pattern that takes too long on a text (see `regexes`) has no match in it;
    the first time, a warning says so.

    `issues`: one for each entry or pattern that cannot be used, or that probably does not work as intended; `rejected`
    and `notes` are the sentences of the former and the latter. `loaded`: the number of entries and patterns in use.
    """

    def __init__(
        self,
        lookups: Mapping[str, Sequence[str]],
        regexes: Mapping[str, Sequence[str]],
        normalizer: Normalizer,
    ) -> None:
        self.issues: list[DictionaryIssue] = []
        self.loaded = 0
        self._owners: list[list[tuple[str, str]]] = []  # for each needle, its (name, entry) pairs
        self._edges: list[tuple[str, str]] = []  # for each needle, see _edge
        self._finder = self._compile_lookups(lookups, normalizer)
        self._patterns = self._compile_regexes(regexes)

    @property
    def rejected(self) -> list[str]:
        """One sentence for each entry or pattern that cannot be used."""
        return [str(issue) for issue in self.issues if issue.rejected]

    @property
    def notes(self) -> list[str]:
        """One sentence for each pattern that probably does not work as intended."""
        return [str(issue) for issue in self.issues if not issue.rejected]

    def matches(self, normalized: Normalized, text_view: View | None = None) -> list[Match]:
        """All matches in a text, sorted by start, end, kind and name.

        `text_view`: the view whose text was normalized. A regex that mentions what a view leaves out is also matched
        on the raw text; its offsets are the view's too.

        A match inside a longer one of the same name is dropped (北京 within 北京西站). Matches that only overlap are
        all kept, because the model decides which one is right, and so are matches of different names. Use
        `without_overlaps` to keep only one at each place.
        """
        matches: list[Match] = []
        if self._finder is not None:
            matches += self._lookup_matches(normalized)
        if self._patterns:
            matches += self._regex_matches(normalized.raw, text_view)
        return _maximal(matches) if len(matches) > 1 else matches

    def _regex_matches(self, text: str, text_view: View | None) -> list[Match]:
        budget, matches = TimeBudget(len(text)), []
        for name, pattern in self._patterns:
            try:
                spans = budget.find_all(pattern, text)
                if text_view is not None and len(text_view) < len(text_view.raw) and _LEFT_OUT.search(pattern.pattern):
                    spans += [text_view.of_raw(*span) for span in budget.find_all(pattern, text_view.raw)]
            except TimeoutError:
                warnings.warn(
                    f"Regex `{name}`: `{pattern.pattern}` took too long on a text of {len(text)} characters and was "
                    "stopped without a match; `cnlu check` reports the patterns that can take long.",
                    stacklevel=2,
                )
                continue
            matches += [Match(start, end, name, "regex", pattern.pattern) for start, end in spans if start < end]
        return matches

    def _lookup_matches(self, normalized: Normalized) -> list[Match]:
        raw_of, size = normalized.raw_of, len(normalized.text)
        assert self._finder is not None
        matches = []
        for needle, start, end in self._finder.find_matches_as_indexes(normalized.text, overlapping=True):
            first, last = self._edges[needle]
            if start and _splits_run(normalized, start, first):
                continue
            if end < size and _splits_run(normalized, end, last):
                continue
            span = raw_of[start], raw_of[end - 1] + 1
            matches += [Match(*span, name, "lookup", entry) for name, entry in self._owners[needle]]
        return matches

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
        pitfalls = []
        if re.search(r"(?<!\\)(?:\\\\)*\\b", source):
            problem = _(
                "\\b in `{pattern}` does not match between a Chinese character and another, a letter or a digit",
                pattern=source,
            )
            fix = _("leave it out, or name the neighbours, as in {example}", example=r"(?<!\d)\d{4}(?!\d)")
            pitfalls.append((problem, fix))
        if pattern.match(""):
            problem = _("`{pattern}` also matches the empty string, which is ignored", pattern=source)
            pitfalls.append((problem, _("write + instead of *")))
        if has_nested_repeat(source) or _takes_long(pattern):
            problem = _(
                "`{pattern}` can take very long on some texts and is then stopped without a match: it repeats a part "
                "that is itself repeated, as in (a+)+, or that can match the same text in two ways",
                pattern=source,
            )
            pitfalls.append((problem, _("leave out one of the repeats")))
        self.issues += [
            DictionaryIssue(kind="regex", name=name, entry=source, rejected=False, problem=problem, fix=fix)
            for problem, fix in pitfalls
        ]


def without_overlaps(matches: Sequence[Match]) -> list[Match]:
    """Non-overlapping matches, from the left; the longest of those with the same start."""
    selected: list[Match] = []
    for match in sorted(matches, key=lambda m: (m.start, -m.end)):
        if not selected or match.start >= selected[-1].end:
            selected.append(match)
    return selected


def _takes_long(pattern: regex.Pattern[str]) -> bool:
    """Whether the pattern takes too long on a short text of its own characters with an end that does not match."""
    characters = samples(pattern.pattern)[:16]
    for text in (character * 40 + end for character in characters for end in ("\0", "\n" + characters)):
        try:
            TimeBudget(len(text)).find_all(pattern, text)
        except TimeoutError:
            return True
    return False


def _splits_run(normalized: Normalized, at: int, edge: str) -> bool:
    """Whether a cut before character `at` of the text splits a raw character or a run of type `edge`."""
    text, raw_of = normalized.text, normalized.raw_of
    if raw_of[at - 1] == raw_of[at]:
        return True
    return bool(edge) and char_type(text[at - 1]) == edge == char_type(text[at])


def _edge(ch: str) -> str:
    """The type of an entry's first or last character if a neighbour of the same type would continue its run."""
    kind = char_type(ch)
    return kind if kind in ("latin", "digit") else ""


def _maximal(matches: list[Match]) -> list[Match]:
    """Drop each match inside another of the same kind and name, then sort."""
    last_end: dict[tuple[str, str], int] = {}
    maximal = []
    for match in sorted(matches, key=lambda m: (m.start, -m.end)):
        owner = (match.kind, match.name)
        if match.end > last_end.get(owner, 0):
            last_end[owner] = match.end
            maximal.append(match)
    return sorted(maximal, key=lambda m: (m.start, m.end, m.kind, m.name))
