"""Authentication by a token, compared in constant time."""

from __future__ import annotations

import hmac
from typing import Any

from starlette.requests import Request

from cnlu.i18n import _
from cnlu.server.responses import ApiError


def check_bearer(request: Request, token: str | None) -> None:
    """Raises ApiError 401 if the server has a token and the request's header does not carry it."""
    if token is not None and not _same(_bearer(request), token):
        raise _unauthorized()


def carries_token(request: Request, token: str | None) -> bool:
    """Whether the header or the query parameter `?token=`, which Rasa uses, carries the token."""
    return token is None or _same(_bearer(request), token) or _same(request.query_params.get("token"), token)


def check_field(value: Any, token: str | None) -> None:
    """Raises ApiError 401 unless `value`, the field `token` of a body, is the server's token."""
    if token is not None and not _same(value, token):
        raise _unauthorized()


def _bearer(request: Request) -> str | None:
    scheme, _space, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None


def _same(value: Any, token: str) -> bool:
    if not isinstance(value, str):
        return False
    return hmac.compare_digest(value.encode("utf-8", "surrogatepass"), token.encode())


def _unauthorized() -> ApiError:
    return ApiError(401, "unauthorized", _("The token is wrong or missing."), {"WWW-Authenticate": "Bearer"})
