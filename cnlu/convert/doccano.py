"""Reads doccano's JSONL or JSON list: sequence labelling, text classification, relations, and intents with slots.

Spans count code points: `[start, end, type]` in `label` or `labels`, objects with `start_offset` in `entities`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cnlu.convert.result import NotConvertibleError, Result, Span
from cnlu.convert.source import Located, objects, parse_json
from cnlu.errors import DataError
from cnlu.i18n import _

_TEXT = ("text", "data")
_LABELS = ("label", "labels", "entities")
_INTENTS = ("cats", "intent", "category")


def matches(record: object) -> bool:
    """Whether an object, or the first one of a list, may be an example of doccano."""
    first = record[0] if isinstance(record, list) and record else record
    return (
        isinstance(first, dict)
        and any(isinstance(first.get(key), str) for key in _TEXT)
        and (any(isinstance(first.get(key), list) for key in (*_LABELS, "cats")))
    )


def read_doccano(place: str, text: str, result: Result) -> None:
    """Read the examples; raises DataError for an invalid JSON list, while an invalid JSON line is skipped."""
    for record in _records(place, text, result):
        at = f"{place}:{record.line}"
        words = next((record[key] for key in _TEXT if isinstance(record.get(key), str)), None)
        try:
            intents, spans = _annotations(record)
        except NotConvertibleError as error:
            result.skip(at, str(error))
            continue
        before = len(result.data.examples)
        result.add(at, words, intents, spans)
        if len(result.data.examples) > before:
            for key in record:
                if key not in (*_TEXT, *_LABELS, *_INTENTS) and record[key] not in ([], {}, None, ""):
                    result.ignored[f'"{key}"'] += 1


def _records(place: str, text: str, result: Result) -> Iterator[Located]:
    if text.lstrip().startswith("["):
        yield from objects(parse_json(text, place))
        return
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = parse_json(line.strip(), place, number)
        except DataError as error:
            result.skipped.append(str(error))
            continue
        if isinstance(record, Located):
            yield record
        else:
            result.skip(f"{place}:{number}", _("it is not a JSON object"))


def _annotations(record: Located) -> tuple[list[str], list[Span]]:
    intents: list[str] = []
    spans: list[Span] = []
    if record.get("annotations"):
        raise NotConvertibleError(
            _("its annotations have numbers instead of labels; export it as JSONL with text labels")
        )
    for key in (*_INTENTS, *_LABELS):
        written = record.get(key)
        for label in written if isinstance(written, list) else [written]:
            if isinstance(label, str):
                intents.append(label)
            elif label is not None:
                spans.append(_span(label))
    return intents, spans


def _span(written: Any) -> Span:
    if isinstance(written, list) and len(written) == 3:
        return Span(*written)
    if isinstance(written, dict) and "start_offset" in written:
        return Span(written["start_offset"], written.get("end_offset", -1), written.get("label", ""))
    raise NotConvertibleError(_('a label is not a name, [start, end, type] or an object with "start_offset"'))
