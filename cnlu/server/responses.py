"""What goes back to a client: JSON, and errors that are a code and a sentence and tell nothing of the inside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

JSON_TYPE = "application/json"


class ApiError(Exception):
    """A refusal: `{"error": {"code", "message"}}` with a status."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})

    def response(self) -> Response:
        return answer(error_body(self.code, self.message), self.status, self.headers)


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(encode(content), status, headers, JSON_TYPE)


def error_body(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def encode(content: Any) -> bytes:
    """Strict JSON (RFC 8259); raises ValueError for NaN and the infinities, which it cannot say."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell and UTF-8 cannot
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()


def busy() -> ApiError:
    return ApiError(
        503, "busy", "The server has as much work as it takes; try again in a second.", {"Retry-After": "1"}
    )


def internal() -> ApiError:
    return ApiError(500, "internal", "Something went wrong in the server; its log says more.")
