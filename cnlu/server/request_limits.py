"""Reading a request within limits of bytes, memory, time and depth."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

import anyio
from starlette.requests import Request

from cnlu.i18n import _, n_
from cnlu.server.responses import ApiError
from cnlu.server.settings import ServerSettings

UNCOUNTED_BODY = 4 << 10
"""Bytes of every body that `ByteLimiter` does not count, so that large bodies cannot block the usual small ones."""


class ByteLimiter:
    """Limits the bytes that all connections of a worker hold together; used in its event loop only."""

    def __init__(self, total: int) -> None:
        self.available = total

    def acquire(self, size: int) -> bool:
        """Takes `size` bytes; returns False and takes nothing if fewer are available."""
        if size > self.available:
            return False
        self.available -= size
        return True

    def release(self, size: int) -> None:
        self.available += size

    def acquire_body(self, size: int, growth: int) -> bool:
        """`acquire` for a body that grows from `size` bytes by `growth`."""
        return self.acquire(max(0, size + growth - UNCOUNTED_BODY) - max(0, size - UNCOUNTED_BODY))

    def release_body(self, size: int) -> None:
        self.release(max(0, size - UNCOUNTED_BODY))


async def read_object(request: Request, settings: ServerSettings) -> dict[str, Any]:
    """The body as a JSON object; raises ApiError 400, 408, 413 or 422."""
    content = _json(await read_body(request, settings))
    if not isinstance(content, dict):
        raise ApiError(422, "invalid", _("The body must be a JSON object."))
    return content


async def read_body(request: Request, settings: ServerSettings) -> bytes:
    """The body; raises ApiError 413 before reading more than the limit and 408 if the client is too slow."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared[:20]) > settings.max_body:
        raise _too_large(settings)
    body = bytearray()
    try:
        with anyio.fail_after(settings.read_timeout):
            async for chunk in request.stream():
                body += chunk
                if len(body) > settings.max_body:
                    raise _too_large(settings)
    except TimeoutError:
        raise ApiError(
            408,
            "too_slow",
            _("The body did not arrive within {seconds} seconds.", seconds=f"{settings.read_timeout:g}"),
            {"Connection": "close"},
        ) from None
    return bytes(body)


def check_text(value: Any, settings: ServerSettings, name: str = "text") -> str:
    """Returns `value` if it is a text within the limits; raises ApiError 422 otherwise."""
    if not isinstance(value, str):
        raise ApiError(422, "invalid", _('"{name}" must be a string.', name=name))
    if len(value) > settings.max_text:
        raise ApiError(
            422,
            "text_too_long",
            _(
                '"{name}" has {count} characters; at most {limit} are parsed, so cut it into sentences.',
                name=name,
                count=len(value),
                limit=settings.max_text,
            ),
        )
    return value


def check_fields(content: dict[str, Any], known: tuple[str, ...]) -> None:
    """Raises ApiError 422 for unknown fields, which would have no effect."""
    if unknown := [name for name in content if name not in known]:
        listed = ", ".join(f'"{name}"' for name in known)
        message = n_(
            "{count} unknown field; this request takes {known}.",
            "{count} unknown fields; this request takes {known}.",
            len(unknown),
            known=listed,
        )
        raise ApiError(422, "invalid", message)


def reject_constant(word: str) -> NoReturn:
    """Rejects NaN and the infinities, which Python reads although JSON has none."""
    raise ValueError(word)


def finite(written: str) -> float:
    """The number; raises ValueError for one beyond a double's range, such as 1e999, which would become infinite."""
    number = float(written)
    if not math.isfinite(number):
        raise ValueError(written)
    return number


FINITE: dict[str, Any] = {"parse_constant": reject_constant, "parse_float": finite}
"""Options that make json.loads reject what could not be written as JSON again."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Rejects duplicate names: two parsers could read such a body in two ways."""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("duplicate name")
    return content


def _json(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig"), object_pairs_hook=_unique, **FINITE)
    except UnicodeDecodeError:
        raise ApiError(400, "not_utf8", _("The body is not UTF-8.")) from None
    except RecursionError:
        raise ApiError(400, "malformed", _("The body's JSON is nested too deeply.")) from None
    except ValueError as error:
        message = _("The body is not valid JSON.")
        if isinstance(error, json.JSONDecodeError):
            message = _(
                "The body is not valid JSON (line {line}, column {column}).", line=error.lineno, column=error.colno
            )
        raise ApiError(400, "malformed", message) from None


def _too_large(settings: ServerSettings) -> ApiError:
    message = _("The body is larger than the limit of {limit} bytes.", limit=settings.max_body)
    return ApiError(413, "too_large", message)
