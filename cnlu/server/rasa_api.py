"""Rasa's NLU endpoint, `POST /model/parse`, as Rasa Core calls it when `endpoints.yml` has `nlu:`."""

from __future__ import annotations

import json
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cnlu.server.auth import carries_token, check_field
from cnlu.server.request_limits import FINITE, check_text, read_object
from cnlu.server.responses import json_response
from cnlu.server.service import Service

FALLBACK_INTENT = "nlu_fallback"
RASA_THRESHOLD, RASA_AMBIGUITY = 0.3, 0.1
"""Rasa's defaults of FallbackClassifier."""

_MAX_DEPTH = 100
"""Nesting levels of an entity's value; json.dumps handles fewer levels than json.loads."""
_SHORTCUT = re.compile(r"/(?P<intent>[^{@]+)(?P<confidence>@[0-9.]+)?(?P<entities>\{.+\})?")


def routes(service: Service) -> list[Route]:
    async def parse(request: Request) -> Response:
        allowed = carries_token(request, service.settings.token)
        content = await read_object(request, service.settings)
        if not allowed:
            check_field(content.get("token"), service.settings.token)
        text = check_text(content.get("text"), service.settings)
        del content  # frees the other fields while the text waits
        result = read_shortcut(text)
        if result is None:
            (result,) = await service.parse([text])
            result = with_fallback(result, service.settings.fallback_threshold, service.settings.ambiguity)
        return json_response(result)

    return [Route("/model/parse", parse, methods=["POST"])]


def read_shortcut(text: str) -> dict[str, Any] | None:
    """The parse result that a text such as `/book{"city": "北京"}` states, read as Rasa's RegexMessageHandler does.

    None for any other text. Rasa also checks the names against the domain, which is not known here.
    """
    stripped = text.strip()
    match = _SHORTCUT.match(stripped)
    if match is None:
        return None
    intent = {"name": match["intent"].strip(), "confidence": _confidence(match["confidence"])}
    entities = [
        {
            "entity": kind,
            "value": value,
            "start": match.start("entities"),
            "end": match.end("entities"),
            "extractor": "RegexMessageHandler",
        }
        for kind, values in _fields(match["entities"]).items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return {"text": stripped, "intent": intent, "intent_ranking": [dict(intent)], "entities": entities}


def with_fallback(result: dict[str, Any], threshold: float | None, ambiguity: float | None) -> dict[str, Any]:
    """The result with `nlu_fallback` first where Rasa's FallbackClassifier predicts it; unchanged if both are None.

    If only one of the two is given, the other is Rasa's default.
    """
    if threshold is None and ambiguity is None:
        return result
    threshold = RASA_THRESHOLD if threshold is None else threshold
    ambiguity = RASA_AMBIGUITY if ambiguity is None else ambiguity
    ranking = result["intent_ranking"]
    below = result["intent"]["confidence"] < threshold
    close = len(ranking) > 1 and ranking[0]["confidence"] - ranking[1]["confidence"] < ambiguity
    if not below and not close:
        return result
    fallback = {"name": FALLBACK_INTENT, "confidence": threshold}
    return {**result, "intent": fallback, "intent_ranking": [dict(fallback), *ranking]}


def _confidence(written: str | None) -> float:
    if written is None:
        return 1.0
    try:
        return min(1.0, float(written[1:]))
    except ValueError:
        return 0.0


def _fields(written: str | None) -> dict[str, Any]:
    """The entities; none if Rasa reads none, or if the response cannot express them as JSON."""
    try:
        fields = json.loads(written or "{}", **FINITE)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) and not _is_deeper(fields, _MAX_DEPTH) else {}


def _is_deeper(value: Any, limit: int) -> bool:
    """Whether lists and objects nest deeper than `limit` levels."""
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for item in level
            if isinstance(item, (dict, list))
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return any(isinstance(item, (dict, list)) for item in level)
