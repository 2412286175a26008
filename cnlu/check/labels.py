"""Labels (intents, entity types, roles, groups): few examples, imbalance, similar or suspicious names."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from cnlu.check.corpus import Corpus, Line
from cnlu.check.findings import Finding, Place
from cnlu.check.invisible import has_invisible
from cnlu.i18n import _, n_
from cnlu.io.messages import shown

KINDS = ("intent", "entity type", "role", "group")

_QUOTES = "\"'“”‘’「」『』`"


def find_rare_labels(corpus: Corpus) -> Iterator[Finding]:
    """`few-examples`, `few-entities`."""
    labels, settings = labels_of(corpus.train), corpus.config.check
    for name, places in labels["intent"].items():
        if len(places) < settings.min_intent_examples:
            problem = n_(
                "is an intent with {count} example; fewer than {least} hardly teach anything",
                "is an intent with {count} examples; fewer than {least} hardly teach anything",
                len(places),
                least=settings.min_intent_examples,
            )
            yield _rare_label("few-examples", name, places, problem)
    for name, places in labels["entity type"].items():
        if len(places) < settings.min_entity_examples:
            problem = n_(
                "is an entity type with {count} annotation; fewer than {least} hardly teach anything",
                "is an entity type with {count} annotations; fewer than {least} hardly teach anything",
                len(places),
                least=settings.min_entity_examples,
            )
            yield _rare_label("few-entities", name, places, problem)


def _rare_label(code: str, name: str, places: list[Place], problem: str) -> Finding:
    return Finding(
        code=code,
        source=places[0].source,
        text=name,
        problem=problem,
        fix=_("write more, or merge it with another"),
        related=tuple(places[1:]),
    )


def find_imbalance(corpus: Corpus) -> Iterator[Finding]:
    """`imbalance`: one finding about all small intents."""
    intents = labels_of(corpus.train)["intent"]
    if not intents:
        return
    largest = max(intents, key=lambda name: len(intents[name]))
    largest_count = len(intents[largest])
    small = [name for name in intents if len(intents[name]) * corpus.config.check.imbalance < largest_count]
    if small:
        small.sort(key=lambda name: len(intents[name]))
        listed = ", ".join(f"{shown(name)} ({len(intents[name])})" for name in small[:5])
        if len(small) > 5:
            listed = _("{listed} and {count} more", listed=listed, count=len(small) - 5)
        problem = _(
            "has {count} examples, more than {factor:g} times as many as {small}",
            count=largest_count,
            factor=corpus.config.check.imbalance,
            small=listed,
        )
        yield Finding(
            code="imbalance",
            source=intents[largest][0].source,
            text=largest,
            problem=problem,
            fix=_("write more examples for the small intents, or train with training.balance=0.5"),
            related=tuple(intents[name][0] for name in small),
        )


def find_similar_names(corpus: Corpus) -> Iterator[Finding]:
    """`similar-names`; a lookup table or regex whose name nearly matches an entity type does not help that type."""
    labels = labels_of((*corpus.train, *corpus.test))
    for entry in (*corpus.data.entries, *(corpus.test_data.entries if corpus.test_data else ())):
        if entry.kind == "intent" and entry.name in labels["intent"]:  # the section's heading has the name
            labels["intent"][entry.name].insert(0, Place(entry.source, ""))
    for kind, names in labels.items():
        yield from _similar(kind, names)
    types = {_folded(name): name for name in labels["entity type"]}
    for entry in {(entry.kind, entry.name): entry for entry in reversed(corpus.data.entries)}.values():
        similar = types.get(_folded(entry.name))
        if entry.kind in ("lookup", "regex") and similar and entry.name not in labels["entity type"]:
            if entry.kind == "lookup":
                problem = _("is a lookup table with nearly the name of the entity type {name}", name=shown(similar))
            else:
                problem = _("is a regex with nearly the name of the entity type {name}", name=shown(similar))
            yield Finding(
                code="similar-names",
                source=entry.source,
                text=entry.name,
                problem=problem,
                fix=_("use the same name for both"),
                related=tuple(labels["entity type"][similar][:1]),
            )


def find_suspicious_names(corpus: Corpus) -> Iterator[Finding]:
    """`suspicious-name`: ("drink") is a type in quotes, (size：L) has a colon that does not separate a value."""
    labels = labels_of((*corpus.train, *corpus.test))
    for kind, names in labels.items():
        for name, places in names.items():
            if problem := _name_problem(name, kind == "entity type"):
                plain = "".join(ch for ch in name if not has_invisible(ch)).strip().strip(_QUOTES).strip()
                fix = _("write {name}", name=shown(plain.replace("：", ":"))[1:-1]) if plain else _("give it a name")
                yield Finding("suspicious-name", places[0].source, name, problem, fix, related=tuple(places[1:]))


def _name_problem(name: str, is_type: bool) -> str:
    """What is wrong with a label's name; empty if nothing is."""
    if has_invisible(name):
        return _("is a name with invisible characters")
    if name != name.strip():
        return _("is a name that begins or ends with a space")
    if len(name) > 1 and name[0] in _QUOTES and name[-1] in _QUOTES:
        return _("is a name in quotes, which are read as a part of it")
    if is_type and "：" in name:
        return _("is an entity type with a full-width colon, which does not separate a value")
    return ""


def _similar(kind: str, names: dict[str, list[Place]]) -> Iterator[Finding]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[_folded(name)].append(name)
    for group in groups.values():
        usual, *others = sorted(group, key=lambda name: -len(names[name]))
        for name in others:
            places, usual_places = names[name], names[usual]
            yield Finding(
                code="similar-names",
                source=places[0].source,
                text=name,
                problem=_similar_names(kind, places, usual, usual_places),
                fix=_("use the same name for both"),
                related=(*places[1:], usual_places[0]),
            )


def _similar_names(kind: str, places: list[Place], other: str, usual_places: list[Place]) -> str:
    counts = {"count": _example_count(places), "other_count": _example_count(usual_places)}
    values = {"other": shown(other), "place": usual_places[0].source, **counts}
    if kind == "intent":
        return _("is an intent (examples: {count}), and {other} at {place} is another ({other_count})", **values)
    if kind == "entity type":
        return _("is an entity type (examples: {count}), and {other} at {place} is another ({other_count})", **values)
    if kind == "role":
        return _("is a role (examples: {count}), and {other} at {place} is another ({other_count})", **values)
    return _("is a group (examples: {count}), and {other} at {place} is another ({other_count})", **values)


def _example_count(places: list[Place]) -> int:
    return sum(bool(place.text) for place in places)


def _folded(name: str) -> str:
    """The name without the differences that people overlook: letter case, width, and separators of words."""
    return "".join(ch for ch in unicodedata.normalize("NFKC", name).casefold() if ch not in "_- ")


def labels_of(lines: Iterable[Line]) -> dict[str, dict[str, list[Place]]]:
    """By kind and name, the place of every example (for kinds other than intents: of every annotation)."""
    places: dict[str, dict[str, list[Place]]] = {kind: defaultdict(list) for kind in KINDS}
    for line in lines:
        example = line.example
        if example.intent is not None:
            places["intent"][example.intent].append(line.place)
        for entity in example.entities:
            for kind, name in (("entity type", entity.entity), ("role", entity.role), ("group", entity.group)):
                if name is not None:
                    places[kind][name].append(line.place)
    return places


def label_counts(lines: Iterable[Line]) -> Counter[str]:
    """The number of names of each kind."""
    return Counter({kind: len(names) for kind, names in labels_of(lines).items()})
