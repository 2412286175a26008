"""Lookup tables, regexes and synonyms: what of them cannot be used, and what no example has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from cnlu.check.corpus import Corpus
from cnlu.check.findings import Finding, Place
from cnlu.data.schema import Entry
from cnlu.features.lexicon import Lexicon
from cnlu.features.regexes import BadRegexError, Clock, compile_regex
from cnlu.io.messages import shown
from cnlu.text.view import view


def find_unusable_entries(corpus: Corpus) -> Iterator[Finding]:
    """`rejected-entry`, `odd-regex`."""
    places = _places(corpus)
    for complaint in build_lexicon(corpus).complaints:
        at = places.get((complaint.kind, complaint.name, complaint.entry), [Place("", complaint.entry)])
        what = "lookup table" if complaint.kind == "lookup" else "regex"
        reason, _, fix = complaint.said.rstrip(".?").rpartition("; ")
        problem = f"is an entry of the {what} {shown(complaint.name)}: {reason.partition(': ')[2]}"
        text = complaint.entry
        if not text.strip():
            text, problem = complaint.name, f"is a {what} with a blank entry"
        code = "rejected-entry" if complaint.rejected else "odd-regex"
        yield Finding(code, at[0].source, text, problem, fix, tuple(at[1:]))


def find_unused_entries(corpus: Corpus) -> Iterator[Finding]:
    """`unused-table` and `unused-entry` (one finding a table), `unused-regex`, `unused-synonym` (one for all)."""
    tables: dict[str, list[Entry]] = defaultdict(list)
    for entry in corpus.data.entries:
        if entry.kind == "lookup" and entry.text.strip():
            tables[entry.name].append(entry)
        elif entry.kind == "regex":
            yield from _unused_regex(entry, corpus)
    synonyms = [entry for entry in corpus.data.entries if entry.kind == "synonym"]
    found = _found({"": [entry.text for entry in synonyms]}, corpus)
    yield from _unused(
        "unused-synonym",
        [entry for entry in synonyms if ("", entry.text) not in found],
        len(synonyms),
        "synonym",
        "remove what nobody says, or write examples with it",
    )
    found = _found({name: [entry.text for entry in entries] for name, entries in tables.items()}, corpus)
    for name, entries in tables.items():
        idle = [entry for entry in entries if (name, entry.text) not in found]
        what = f"entry of the lookup table {shown(name)}"
        if idle and len(idle) == len(entries):
            problem = f"is a lookup table of which no entry stands in an example ({len(entries)} entries)"
            yield Finding(
                "unused-table",
                idle[0].source,
                name,
                problem,
                "write examples with some of them, or nothing is learned of the table",
            )
        else:
            fix = "nothing, where it belongs there: the table's other entries teach what it is"
            yield from _unused("unused-entry", idle, len(entries), what, fix)


def build_lexicon(corpus: Corpus) -> Lexicon:
    """The dictionaries as training takes them."""
    return Lexicon(corpus.data.lookups, corpus.data.regexes, corpus.normalizer)


def _places(corpus: Corpus) -> dict[tuple[str, str, str], list[Place]]:
    places: dict[tuple[str, str, str], list[Place]] = defaultdict(list)
    for entry in corpus.data.entries:
        places[entry.kind, entry.name, entry.text].append(Place(entry.source, entry.text))
    return places


def _found(tables: dict[str, list[str]], corpus: Corpus) -> set[tuple[str, str]]:
    """Name and entry of what stands in at least one training example, inside longer entries too."""
    needles: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, entries in tables.items():
        for entry in entries:
            needles[corpus.normalizer.normalize(view(entry).text).text].append((name, entry))
    # A table of its own for each needle, because within one a hit inside a longer one is dropped.
    lexicon = Lexicon({needle: [needle] for needle in needles if needle}, {}, corpus.normalizer)
    seen: set[str] = set()
    for line in corpus.train:
        read = corpus.normalizer.normalize(view(line.example.text).text)
        seen.update(match.name for match in lexicon.matches(read))
    return {owner for needle in seen for owner in needles[needle]}


def _unused_regex(entry: Entry, corpus: Corpus) -> Iterator[Finding]:
    try:
        pattern = compile_regex(entry.text)
        texts = (text for line in corpus.train for text in (view(line.example.text).text, line.example.text))
        used = any(Clock(len(text)).find_all(pattern, text) for text in texts)
    except (BadRegexError, TimeoutError):
        return  # a rejected entry, or one of which nothing can be said
    if not used:
        problem = f"is a regex of {shown(entry.name)} that matches no example"
        yield Finding("unused-regex", entry.source, entry.text, problem, "correct it, or write examples for it")


def _unused(code: str, idle: list[Entry], total: int, what: str, fix: str) -> Iterator[Finding]:
    if not idle:
        return
    others = f" ({len(idle) - 1} more of {total} likewise)" if len(idle) > 1 else ""
    problem = f"is an {what} that stands in no example{others}".replace("an synonym", "a synonym")
    yield Finding(
        code, idle[0].source, idle[0].text, problem, fix, tuple(Place(entry.source, entry.text) for entry in idle[1:])
    )
