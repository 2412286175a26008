"""JSON responses, and errors that consist of a code and a sentence and reveal nothing about the server's internals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from cnlu.i18n import _

JSON_TYPE = "application/json"


class ApiError(Exception):
    """An error response: `{"error": {"code", "message"}}` with a status."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})

    def response(self) -> Response:
        return json_response(error_body(self.code, self.message), self.status, self.headers)


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(encode(content), status, headers, JSON_TYPE)


def error_body(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def encode(content: Any) -> bytes:
    """Strict JSON (RFC 8259); raises ValueError for NaN and the infinities, which it cannot represent."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can escape and UTF-8 cannot encode
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()


def busy_error() -> ApiError:
    return ApiError(503, "busy", _("The server is overloaded; try again in a second."), {"Retry-After": "1"})


def internal_error() -> ApiError:
    return ApiError(500, "internal", _("Something went wrong in the server; its log says more."))
