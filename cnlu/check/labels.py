"""Names of intents, entity types, roles and groups: too few examples, too unlike in number, too alike in name."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from cnlu.check.corpus import Corpus, Line
from cnlu.check.findings import Finding, Place
from cnlu.check.invisible import has_invisible
from cnlu.io.messages import shown

KINDS = {"intent": "an intent", "entity type": "an entity type", "role": "a role", "group": "a group"}

_QUOTES = "\"'“”‘’「」『』`"


def find_few(corpus: Corpus) -> Iterator[Finding]:
    """`few-examples`, `few-entities`."""
    wanted = corpus.config.check
    for kind, code, least, what in (
        ("intent", "few-examples", wanted.min_intent_examples, "example"),
        ("entity type", "few-entities", wanted.min_entity_examples, "annotation"),
    ):
        for name, places in labels_of(corpus.train)[kind].items():
            if len(places) < least:
                count = f"{len(places)} {what}{'s' if len(places) > 1 else ''}"
                problem = f"is {KINDS[kind]} with {count}; fewer than {least} hardly teach anything"
                yield Finding(
                    code, places[0].source, name, problem, "write more, or join it with another", tuple(places[1:])
                )


def find_imbalance(corpus: Corpus) -> Iterator[Finding]:
    """`imbalance`: one finding for all small intents."""
    intents = labels_of(corpus.train)["intent"]
    if not intents:
        return
    largest = max(intents, key=lambda name: len(intents[name]))
    most = len(intents[largest])
    small = [name for name in intents if len(intents[name]) * corpus.config.check.imbalance < most]
    if small:
        small.sort(key=lambda name: len(intents[name]))
        named = ", ".join(f"{shown(name)} ({len(intents[name])})" for name in small[:5])
        more = f" and {len(small) - 5} more" if len(small) > 5 else ""
        problem = f"has {most} examples, more than {corpus.config.check.imbalance:g} times those of {named}{more}"
        yield Finding(
            "imbalance",
            intents[largest][0].source,
            largest,
            problem,
            "write more of the small ones, or train with training.balance=0.5",
            tuple(intents[name][0] for name in small),
        )


def find_similar_names(corpus: Corpus) -> Iterator[Finding]:
    """`similar-names`; a lookup table or regex named almost as an entity type is none of its hints."""
    found = labels_of((*corpus.train, *corpus.test))
    for entry in (*corpus.data.entries, *(corpus.test_data.entries if corpus.test_data else ())):
        if entry.kind == "intent" and entry.name in found["intent"]:  # the name itself stands there
            found["intent"][entry.name].insert(0, Place(entry.source, ""))
    for kind, names in found.items():
        yield from _similar(kind, names)
    types = {_folded(name): name for name in found["entity type"]}
    for entry in {(entry.kind, entry.name): entry for entry in reversed(corpus.data.entries)}.values():
        kin = types.get(_folded(entry.name))
        if entry.kind in ("lookup", "regex") and kin and entry.name not in found["entity type"]:
            problem = f"is a {entry.kind} whose name is almost the entity type {shown(kin)}"
            yield Finding(
                "similar-names",
                entry.source,
                entry.name,
                problem,
                "write both alike",
                tuple(found["entity type"][kin][:1]),
            )


def find_odd_names(corpus: Corpus) -> Iterator[Finding]:
    """`odd-name`: ("drink") is a type in quotes, (size：L) one with a colon that separates nothing."""
    found = labels_of((*corpus.train, *corpus.test))
    for kind, names in found.items():
        for name, places in names.items():
            if why := _oddity(name, kind == "entity type"):
                plain = "".join(ch for ch in name if not has_invisible(ch)).strip().strip(_QUOTES).strip()
                fix = f"write {shown(plain.replace('：', ':'))[1:-1]}" if plain else "name it"
                yield Finding("odd-name", places[0].source, name, f"is {KINDS[kind]} {why}", fix, tuple(places[1:]))


def _oddity(name: str, is_type: bool) -> str:
    """What is wrong with a name; empty for a good one."""
    if has_invisible(name):
        return "with invisible characters"
    if name != name.strip():
        return "with a space at its edge"
    if len(name) > 1 and name[0] in _QUOTES and name[-1] in _QUOTES:
        return "in quotes, which are read as a part of it"
    return "with a full-width colon, which separates no value" if is_type and "：" in name else ""


def _similar(kind: str, names: dict[str, list[Place]]) -> Iterator[Finding]:
    kin: dict[str, list[str]] = defaultdict(list)
    for name in names:
        kin[_folded(name)].append(name)
    for group in kin.values():
        usual, *others = sorted(group, key=lambda name: -len(names[name]))
        for name in others:
            here, there = names[name], names[usual]
            other = f"{shown(usual)} at {there[0].source} one in {_often(there)}"
            problem = f"is {KINDS[kind]} in {_often(here)}, and {other}"
            yield Finding("similar-names", here[0].source, name, problem, "write both alike", (*here[1:], there[0]))


def _often(places: list[Place]) -> str:
    count = sum(bool(place.text) for place in places)
    return f"{count} example{'s' if count > 1 else ''}"


def _folded(name: str) -> str:
    """Without what people mix up: letter case, width, and the marks between words."""
    return "".join(ch for ch in unicodedata.normalize("NFKC", name).casefold() if ch not in "_- ")


def labels_of(lines: Iterable[Line]) -> dict[str, dict[str, list[Place]]]:
    """By kind and name, the place of every example (every annotation, for what is not an intent)."""
    found: dict[str, dict[str, list[Place]]] = {kind: defaultdict(list) for kind in KINDS}
    for line in lines:
        example = line.example
        if example.intent is not None:
            found["intent"][example.intent].append(line.place)
        for entity in example.entities:
            for kind, name in (("entity type", entity.entity), ("role", entity.role), ("group", entity.group)):
                if name is not None:
                    found[kind][name].append(line.place)
    return found


def label_counts(lines: Iterable[Line]) -> Counter[str]:
    """How many names there are of each kind."""
    return Counter({kind: len(names) for kind, names in labels_of(lines).items()})
