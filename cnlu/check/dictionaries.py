"""Lookup tables, regexes and synonyms that cannot be used, or that occur in no example."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from cnlu.check.corpus import Corpus
from cnlu.check.findings import Finding, Place
from cnlu.data.schema import Entry
from cnlu.features.lexicon import DictionaryIssue, Lexicon
from cnlu.features.regexes import BadRegexError, TimeBudget, compile_regex
from cnlu.i18n import _, n_
from cnlu.io.messages import shown
from cnlu.text.view import view


def find_unusable_entries(corpus: Corpus) -> Iterator[Finding]:
    """`rejected-entry`, `suspicious-regex`."""
    places = _places(corpus)
    for issue in build_lexicon(corpus).issues:
        entry_places = places.get((issue.kind, issue.name, issue.entry), [Place("", issue.entry)])
        text, problem, fix = _described(issue)
        yield Finding(
            code="rejected-entry" if issue.rejected else "suspicious-regex",
            source=entry_places[0].source,
            text=text,
            problem=problem,
            fix=fix,
            related=tuple(entry_places[1:]),
        )


def _described(issue: DictionaryIssue) -> tuple[str, str, str]:
    """The text, problem and fix of the finding."""
    reason, fix = issue.problem, issue.fix
    is_table = issue.kind == "lookup"
    if not issue.entry.strip():
        if is_table:
            return issue.name, _("is a lookup table with a blank entry"), fix
        return issue.name, _("is a regex with a blank entry"), fix
    if is_table:
        problem = _("is an entry of the lookup table {name}: {reason}", name=shown(issue.name), reason=reason)
    else:
        problem = _("is an entry of the regex {name}: {reason}", name=shown(issue.name), reason=reason)
    return issue.entry, problem, fix


def find_unused_entries(corpus: Corpus) -> Iterator[Finding]:
    """`unused-table` and `unused-entry` (one finding per table), `unused-regex`, `unused-synonym` (one for all)."""
    tables: dict[str, list[Entry]] = defaultdict(list)
    for entry in corpus.data.entries:
        if entry.kind == "lookup" and entry.text.strip():
            tables[entry.name].append(entry)
        elif entry.kind == "regex":
            yield from _unused_regex(entry, corpus)
    yield from _unused_synonyms(corpus)
    used = _entries_in_examples({name: [entry.text for entry in entries] for name, entries in tables.items()}, corpus)
    for name, entries in tables.items():
        unused = [entry for entry in entries if (name, entry.text) not in used]
        if unused:
            yield (
                _unused_table(name, entries) if len(unused) == len(entries) else _unused_entries(name, unused, entries)
            )


def _unused_synonyms(corpus: Corpus) -> Iterator[Finding]:
    synonyms = [entry for entry in corpus.data.entries if entry.kind == "synonym"]
    used = _entries_in_examples({"": [entry.text for entry in synonyms]}, corpus)
    unused = [entry for entry in synonyms if ("", entry.text) not in used]
    if unused:
        if others := len(unused) - 1:
            total = len(synonyms)
            problem = _(
                "is a synonym that occurs in no example, like {others} more of {total}", others=others, total=total
            )
        else:
            problem = _("is a synonym that occurs in no example")
        fix = _("remove it if nobody says it, or write examples with it")
        yield _unused_finding("unused-synonym", unused, problem, fix)


def _unused_entries(name: str, unused: list[Entry], entries: list[Entry]) -> Finding:
    if others := len(unused) - 1:
        problem = _(
            "is an entry of the lookup table {name} that occurs in no example, like {others} more of {total}",
            name=shown(name),
            others=others,
            total=len(entries),
        )
    else:
        problem = _("is an entry of the lookup table {name} that occurs in no example", name=shown(name))
    fix = _("change nothing if it belongs to the table: the other entries are enough to learn from")
    return _unused_finding("unused-entry", unused, problem, fix)


def _unused_table(name: str, entries: list[Entry]) -> Finding:
    problem = n_(
        "is a lookup table whose only entry occurs in no example",
        "is a lookup table whose {count} entries occur in no example",
        len(entries),
    )
    fix = _("write examples with some of its entries, otherwise nothing is learned from the table")
    return Finding("unused-table", entries[0].source, name, problem, fix)


def _unused_finding(code: str, unused: list[Entry], problem: str, fix: str) -> Finding:
    return Finding(
        code=code,
        source=unused[0].source,
        text=unused[0].text,
        problem=problem,
        fix=fix,
        related=tuple(Place(entry.source, entry.text) for entry in unused[1:]),
    )


def build_lexicon(corpus: Corpus) -> Lexicon:
    """The dictionaries as training uses them."""
    return Lexicon(corpus.data.lookups, corpus.data.regexes, corpus.normalizer)


def _places(corpus: Corpus) -> dict[tuple[str, str, str], list[Place]]:
    places: dict[tuple[str, str, str], list[Place]] = defaultdict(list)
    for entry in corpus.data.entries:
        places[entry.kind, entry.name, entry.text].append(Place(entry.source, entry.text))
    return places


def _entries_in_examples(tables: dict[str, list[str]], corpus: Corpus) -> set[tuple[str, str]]:
    """Name and text of the entries that occur in at least one training example, also inside longer entries."""
    needles: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, entries in tables.items():
        for entry in entries:
            needles[corpus.normalizer.normalize(view(entry).text).text].append((name, entry))
    # One table for each needle, because within a table a match inside a longer one is dropped.
    lexicon = Lexicon({needle: [needle] for needle in needles if needle}, {}, corpus.normalizer)
    matched: set[str] = set()
    for line in corpus.train:
        normalized = corpus.normalizer.normalize(view(line.example.text).text)
        matched.update(match.name for match in lexicon.matches(normalized))
    return {owner for needle in matched for owner in needles[needle]}


def _unused_regex(entry: Entry, corpus: Corpus) -> Iterator[Finding]:
    try:
        pattern = compile_regex(entry.text)
        texts = (text for line in corpus.train for text in (view(line.example.text).text, line.example.text))
        used = any(TimeBudget(len(text)).find_all(pattern, text) for text in texts)
    except (BadRegexError, TimeoutError):
        return  # a rejected entry, or one that takes too long to judge
    if not used:
        problem = _("is a regex of {name} that matches no example", name=shown(entry.name))
        fix = _("correct it, or write examples for it")
        yield Finding("unused-regex", entry.source, entry.text, problem, fix)
