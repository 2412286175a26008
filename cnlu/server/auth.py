"""Who may ask: a token, compared in constant time."""

from __future__ import annotations

import hmac
from typing import Any

from starlette.requests import Request

from cnlu.server.responses import ApiError


def check_bearer(request: Request, token: str | None) -> None:
    """Raises ApiError 401 unless the request carries the server's token, where it has one."""
    if token is not None and not _same(_bearer(request), token):
        raise _refusal()


def carries_token(request: Request, token: str | None) -> bool:
    """Whether the header or, as Rasa has it, the query `?token=` carries the token."""
    return token is None or _same(_bearer(request), token) or _same(request.query_params.get("token"), token)


def check_field(value: Any, token: str | None) -> None:
    """Raises ApiError 401 unless `value`, the `token` of a body, is the server's token."""
    if token is not None and not _same(value, token):
        raise _refusal()


def _bearer(request: Request) -> str | None:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None


def _same(given: Any, token: str) -> bool:
    if not isinstance(given, str):
        return False
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), token.encode())


def _refusal() -> ApiError:
    return ApiError(401, "unauthorized", "The token is wrong or missing.", {"WWW-Authenticate": "Bearer"})
