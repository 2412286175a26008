"""Reads LUIS exports: `utterances` with an inclusive `endPos` in UTF-16 units, lists and patterns."""

from __future__ import annotations

from cnlu.convert.result import UTF16, Result, Span
from cnlu.convert.source import Located, objects, parse_json
from cnlu.i18n import _


def matches(content: object) -> bool:
    """Whether the JSON is a LUIS export."""
    return isinstance(content, dict) and isinstance(content.get("utterances"), list) and "intents" in content


def read_luis(place: str, text: str, result: Result) -> None:
    """Read an export; raises DataError if it is not valid JSON."""
    content = parse_json(text, place)
    for utterance in objects(content.get("utterances")):
        entities = objects(utterance.get("entities"))
        spans = [_span(entity) for entity in entities]
        children = sum(len(objects(entity.get("children"))) for entity in entities)
        result.ignored[_("parts of machine-learned entities")] += children
        at = f"{place}:{utterance.line}"
        result.add(at, utterance.get("text"), utterance.get("intent"), spans, UTF16)
    for table in objects(content.get("closedLists")):
        for row in objects(table.get("subLists")):
            at, value = f"{place}:{row.line}", row.get("canonicalForm")
            for surface in dict.fromkeys([value, *(row.get("list") or [])]):
                result.add_entry(at, result.data.lookups, table.get("name"), surface)
                result.add_synonym(at, surface, value)
    for pattern in objects(content.get("regex_entities")):
        result.add_entry(
            f"{place}:{pattern.line}", result.data.regexes, pattern.get("name"), pattern.get("regexPattern")
        )
    for key in ("phraselists", "patterns", "prebuiltEntities", "composites", "hierarchicals"):
        if count := len(objects(content.get(key))):
            result.ignored[f'"{key}"'] += count


def _span(written: Located) -> Span:
    end = written.get("endPos", -2)
    return Span(
        written.get("startPos", -1),
        end + 1 if type(end) is int else end,
        str(written.get("entity") or ""),
        role=written.get("role"),
    )
