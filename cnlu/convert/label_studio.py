"""Reads Label Studio's JSON export: `labels` are entities, `choices` the intent. Offsets count UTF-16 units."""

from __future__ import annotations

from typing import Any

from cnlu.convert.result import UTF16, NotConvertibleError, Result, Span
from cnlu.convert.source import Located, objects, parse_json
from cnlu.i18n import _


def matches(content: object) -> bool:
    """Whether the JSON may be an export of Label Studio."""
    first = content[0] if isinstance(content, list) and content else None
    return (
        isinstance(first, dict)
        and isinstance(first.get("data"), dict)
        and (isinstance(first.get("annotations"), list) or isinstance(first.get("completions"), list))
    )


def read_label_studio(place: str, text: str, result: Result, column: str | None = None) -> None:
    """Read the tasks; `column` is the key of `data` with the text. None: "text", or the only key with a string."""
    for task in objects(parse_json(text, place)):
        at = f"{place}:{task.line}"
        try:
            words = _text(task.get("data"), column)
            intents, spans = _annotations(_select_annotation(task, result), result)
        except NotConvertibleError as error:
            result.skip(at, str(error))
            continue
        result.add(at, words, intents, spans, UTF16)


def _text(data: Any, column: str | None) -> str:
    strings = {key: value for key, value in data.items() if isinstance(value, str)} if isinstance(data, dict) else {}
    name = column or "text"
    if not column and name not in strings and len(strings) == 1:
        name = next(iter(strings))
    if name not in strings:
        if not strings:
            raise NotConvertibleError(_("its data has no text; name its key with --text"))
        keys = ", ".join(strings)
        raise NotConvertibleError(_("its data has the texts {keys}; name the right key with --text", keys=keys))
    return strings[name]


def _select_annotation(task: Located, result: Result) -> Located:
    """The annotation to use: the ground truth, otherwise the first one that was not cancelled."""
    written = task.get("annotations", task.get("completions"))
    annotations = [annotation for annotation in objects(written) if not annotation.get("was_cancelled")]
    if not annotations:
        raise NotConvertibleError(_("it has no annotation"))
    result.ignored[_("further annotations of the same text")] += len(annotations) - 1
    return next((annotation for annotation in annotations if annotation.get("ground_truth")), annotations[0])


def _annotations(annotation: Located, result: Result) -> tuple[list[str], list[Span]]:
    intents: list[str] = []
    spans: list[Span] = []
    for region in objects(annotation.get("result")):
        kind, value = region.get("type"), region.get("value")
        if kind == "choices" and isinstance(value, dict):
            intents += value.get("choices") or []
        elif kind in ("labels", "hypertextlabels") and isinstance(value, dict):
            spans.append(_span(value))
        else:
            result.ignored[f'"{kind}"'] += 1
    return intents, spans


def _span(value: dict[str, Any]) -> Span:
    names = value.get("labels") or value.get("hypertextlabels")
    if not isinstance(names, list) or len(names) != 1:
        span = f"{value.get('start')}-{value.get('end')}"
        problem = _("the region at {span} has {count} labels instead of one", span=span, count=len(names or []))
        raise NotConvertibleError(problem)
    surface = value.get("text")
    return Span(
        value.get("start", -1), value.get("end", -1), names[0], surface=surface if isinstance(surface, str) else None
    )
