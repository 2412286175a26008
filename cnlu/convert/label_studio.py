"""Label Studio's JSON export: `labels` are entities, `choices` the intent. Offsets are those of JavaScript, UTF-16."""

from __future__ import annotations

from typing import Any

from cnlu.convert.result import UTF16, Result, Span, Unusable
from cnlu.convert.source import Located, objects, parse_json


def looks_like(content: object) -> bool:
    """Whether JSON may be an export of Label Studio."""
    first = content[0] if isinstance(content, list) and content else None
    return (
        isinstance(first, dict)
        and isinstance(first.get("data"), dict)
        and (isinstance(first.get("annotations"), list) or isinstance(first.get("completions"), list))
    )


def read_label_studio(place: str, text: str, result: Result, column: str | None = None) -> None:
    """`column` is the key of `data` that holds the text; None: "text", or the only one that is a string."""
    for task in objects(parse_json(text, place)):
        at = f"{place}:{task.line}"
        try:
            words = _text(task.get("data"), column)
            intents, spans = _annotations(_chosen(task, result), result)
        except Unusable as why:
            result.lose(at, str(why))
            continue
        result.add(at, words, intents, spans, UTF16)


def _text(data: Any, column: str | None) -> str:
    strings = {key: value for key, value in data.items() if isinstance(value, str)} if isinstance(data, dict) else {}
    name = column or ("text" if "text" in strings else next(iter(strings), "") if len(strings) == 1 else "")
    if name not in strings:
        there = ", ".join(strings) or "nothing"
        raise Unusable(f"its data hold {there}, and which is the text nobody says; name it with --text")
    return strings[name]


def _chosen(task: Located, result: Result) -> Located:
    """The annotation that counts: the ground truth, else the first; the skipped ones do not."""
    written = task.get("annotations", task.get("completions"))
    found = [one for one in objects(written) if not one.get("was_cancelled")]
    if not found:
        raise Unusable("nobody has annotated it")
    result.left_out["annotations of one text by others"] += len(found) - 1
    return next((one for one in found if one.get("ground_truth")), found[0])


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
            result.left_out[f'"{kind}"'] += 1
    return intents, spans


def _span(value: dict[str, Any]) -> Span:
    names = value.get("labels") or value.get("hypertextlabels")
    if not isinstance(names, list) or len(names) != 1:
        raise Unusable(f"the region at {value.get('start')}-{value.get('end')} has {len(names or [])} labels, not one")
    said = value.get("text")
    return Span(value.get("start", -1), value.get("end", -1), names[0], said=said if isinstance(said, str) else None)
