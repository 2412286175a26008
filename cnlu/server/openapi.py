"""The OpenAPI description, written by hand; tests call every operation in it."""

from __future__ import annotations

from typing import Any

import cnlu
from cnlu.server.settings import ServerSettings

Schema = dict[str, Any]

_STATUSES = {
    "400": "The body is not UTF-8 or not JSON",
    "401": "The token is wrong or missing",
    "404": "The server was started without --annotate",
    "408": "The body arrives too slowly",
    "409": "The file already has this sentence with another annotation",
    "413": "The body, or the total length of its texts, is above the limit",
    "415": "The body is not declared as application/json",
    "422": "A field is missing, of the wrong type, or beyond its limit",
    "421": "The Host header names another server, or a page of another site sent the request; see --allowed-host",
    "503": "The worker is busy or stuck or has no metrics, or the annotated file cannot be written: try again after "
    "Retry-After seconds",
    "507": "The server's disk is full; nothing is saved",
}
_PARSING = ("400", "401", "408", "413", "421", "422", "503")


def describe(settings: ServerSettings) -> Schema:
    """The OpenAPI description of a server with these limits."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "cnlu",
            "version": cnlu.__version__,
            "description": "Chinese NLU: intent and entities of a sentence. Offsets count characters (Unicode code "
            "points), `end` is exclusive.",
        },
        "components": {
            "schemas": _schemas(settings),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "paths": {
            "/parse": {"post": _parse()},
            "/model/parse": {"post": _model_parse()},
            "/labels": {"get": _labels()},
            "/annotate": {"post": _annotate()},
            "/health": {"get": _health()},
            "/metrics": {"get": _metrics()},
        },
    }


def _parse() -> Schema:
    return {
        "operationId": "parse",
        "summary": "Parse one text or several",
        "security": [{"token": []}, {}],
        "requestBody": _body({"oneOf": [_ref("OneText"), _ref("SeveralTexts")]}, {"text": "明天从杭州到北京的高铁"}),
        "responses": {
            "200": _json(
                "One parse result, or with `texts` a list of them in the same order",
                {"oneOf": [_ref("Result"), _ref("Results")]},
            ),
            **_refusals(*_PARSING),
        },
    }


def _model_parse() -> Schema:
    return {
        "operationId": "modelParse",
        "summary": "Parse one text for Rasa, which calls this path if endpoints.yml has `nlu:`",
        "description": 'A text such as `/book{"city": "北京"}` is read as Rasa\'s RegexMessageHandler does. With '
        "--fallback-threshold or --ambiguity an uncertain result becomes `nlu_fallback`. The token may also be sent as "
        "`token` in the body or the query; a server without a token ignores it.",
        "security": [{"token": []}, {}],
        "requestBody": _body(_ref("RasaRequest"), {"text": "改签到下午", "message_id": "a1"}),
        "responses": {"200": _json("Parse result", _ref("Result")), **_refusals(*_PARSING)},
    }


def _labels() -> Schema:
    return {
        "operationId": "labels",
        "summary": "The model's labels, and whether corrections can be saved",
        "security": [{"token": []}, {}],
        "responses": {"200": _json("Labels", _ref("Labels")), **_refusals("401", "421")},
    }


def _annotate() -> Schema:
    return {
        "operationId": "annotate",
        "summary": "Append a corrected sentence to the server's YAML file",
        "security": [{"token": []}, {}],
        "requestBody": _body(
            _ref("Example"),
            {
                "text": "去北京",
                "intent": "book_ticket",
                "entities": [{"start": 1, "end": 3, "entity": "city", "role": "to"}],
            },
        ),
        "responses": {
            "200": _json("Saved, or already there", _ref("Saved")),
            **_refusals("400", "401", "404", "408", "409", "413", "415", "421", "422", "503", "507"),
        },
    }


def _health() -> Schema:
    return {
        "operationId": "health",
        "summary": "Whether this worker answers; needs no token",
        "security": [],
        "responses": {"200": _json("It answers", _object({"status": {"const": "ok"}})), **_refusals("503")},
    }


def _metrics() -> Schema:
    return {
        "operationId": "metrics",
        "summary": "Metrics for Prometheus, summed over all workers",
        "security": [{"token": []}, {}],
        "responses": {
            "200": {
                "description": "Prometheus' text format",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            **_refusals("401", "421", "503"),
        },
    }


_OFFSET: Schema = {"type": "integer", "minimum": 0}
_PROBABILITY: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"\S"}
_NAMES: Schema = {"type": "array", "items": {"type": "string"}}


def _schemas(settings: ServerSettings) -> dict[str, Schema]:
    text = {"type": "string", "maxLength": settings.max_text}
    return {
        "OneText": _object({"text": text}),
        "SeveralTexts": _object({"texts": {"type": "array", "items": text, "maxItems": settings.max_waiting}}),
        "RasaRequest": {
            **_object({"text": text}, {"token": {}, "message_id": {}}),
            "additionalProperties": True,
        },
        "Result": _result_schema(),
        "Results": _object({"results": {"type": "array", "items": _ref("Result")}}),
        "Labels": _labels_schema(),
        "Example": _example_schema(text),
        "Saved": _object({"saved": {"type": "boolean"}, "message": {"type": "string"}}),
        "Error": _object({"error": _object({"code": {"type": "string"}, "message": {"type": "string"}})}),
    }


def _result_schema() -> Schema:
    intent = _object({"name": {"type": ["string", "null"]}, "confidence": _PROBABILITY})
    intents = {"type": "array", "items": intent}
    entity = _object(
        {
            "entity": {"type": "string"},
            "start": _OFFSET,
            "end": _OFFSET,
            "value": {},
            "extractor": {"type": "string"},
        },
        {
            "confidence_entity": _PROBABILITY,
            "role": _NAME,
            "confidence_role": _PROBABILITY,
            "group": _NAME,
            "confidence_group": _PROBABILITY,
        },
    )
    required = {
        "text": {"type": "string"},
        "intent": intent,
        "intent_ranking": intents,
        "entities": {"type": "array", "items": entity},
    }
    return _object(required, {"out_of_scope": _PROBABILITY, "intents": intents})


def _labels_schema() -> Schema:
    names_by_type = {"type": "object", "additionalProperties": _NAMES}
    return _object(
        {
            "model": {"type": "string"},
            "intents": _NAMES,
            "combined": _NAMES,
            "entities": _NAMES,
            "roles": names_by_type,
            "groups": names_by_type,
            "counting": _NAMES,
            "annotate": {"type": "boolean"},
        }
    )


def _example_schema(text: Schema) -> Schema:
    optional_name = {"oneOf": [_NAME, {"type": "null"}]}
    entity = _object(
        {"start": _OFFSET, "end": {"type": "integer", "minimum": 1}, "entity": _NAME},
        {"value": _NAME, "role": optional_name, "group": optional_name},
    )
    return _object({"text": text, "intent": _NAME}, {"entities": {"type": "array", "items": entity}})


def _object(required: Schema, optional: Schema | None = None) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _body(schema: Schema, example: Any) -> Schema:
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}


def _json(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _refusals(*statuses: str) -> dict[str, Schema]:
    responses = {status: _json(_STATUSES[status], _ref("Error")) for status in statuses}
    if "503" in responses:
        responses["503"]["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return responses
