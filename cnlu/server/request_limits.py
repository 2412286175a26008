"""Reading a request: bounded in bytes, memory, time and depth, and every refusal a sentence."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

import anyio
from starlette.requests import Request

from cnlu.server.responses import ApiError
from cnlu.server.settings import ServerSettings

FREE_BODY = 4 << 10
"""Bytes of every body that `ByteLimiter` does not count, so that large bodies cannot keep the usual small ones out."""


class ByteLimiter:
    """Bytes of requests that all connections of a worker may hold together; for use in its event loop alone."""

    def __init__(self, most: int) -> None:
        self.left = most

    def take(self, size: int) -> bool:
        """False, and nothing taken, when so much is not left."""
        if size > self.left:
            return False
        self.left -= size
        return True

    def give(self, size: int) -> None:
        self.left += size

    def acquire_body(self, held: int, more: int) -> bool:
        """`take` for a body that grows by `more` bytes from `held`."""
        return self.take(max(0, held + more - FREE_BODY) - max(0, held - FREE_BODY))

    def release_body(self, held: int) -> None:
        self.give(max(0, held - FREE_BODY))


async def read_object(request: Request, settings: ServerSettings) -> dict[str, Any]:
    """The body as a JSON object; raises ApiError 400, 408, 413 or 422."""
    content = _json(await read_body(request, settings))
    if not isinstance(content, dict):
        raise ApiError(422, "invalid", "The body must be a JSON object.")
    return content


async def read_body(request: Request, settings: ServerSettings) -> bytes:
    """The body; raises ApiError 413 before reading more than is allowed and 408 when the client is too slow."""
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
            f"The body did not arrive within {settings.read_timeout:g} seconds.",
            {"Connection": "close"},
        ) from None
    return bytes(body)


def check_text(value: Any, settings: ServerSettings, name: str = "text") -> str:
    """`value` if it is a text that may be parsed; raises ApiError 422."""
    if not isinstance(value, str):
        raise ApiError(422, "invalid", f'"{name}" must be a string.')
    if len(value) > settings.max_text:
        raise ApiError(
            422,
            "text_too_long",
            f'"{name}" has {len(value)} characters; at most {settings.max_text} are parsed, so cut it into sentences.',
        )
    return value


def check_fields(content: dict[str, Any], known: tuple[str, ...]) -> None:
    """Raises ApiError 422 for a field that would have no effect."""
    if unknown := [name for name in content if name not in known]:
        listed = ", ".join(f'"{name}"' for name in known)
        raise ApiError(422, "invalid", f"{len(unknown)} unknown field(s); this request takes {listed}.")


def refuse_word(word: str) -> NoReturn:
    """For NaN and the infinities, which are Python's and not JSON's."""
    raise ValueError(word)


def finite(written: str) -> float:
    """The number; raises ValueError for one too large for a double, such as 1e999, which would be read as infinite."""
    number = float(written)
    if not math.isfinite(number):
        raise ValueError(written)
    return number


FINITE: dict[str, Any] = {"parse_constant": refuse_word, "parse_float": finite}
"""What makes json.loads refuse what could not be written again."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuses a name that comes twice: two readers of one body could understand two things."""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a name comes twice")
    return content


def _json(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig"), object_pairs_hook=_unique, **FINITE)
    except UnicodeDecodeError:
        raise ApiError(400, "not_utf8", "The body is not UTF-8.") from None
    except RecursionError:
        raise ApiError(400, "malformed", "The body's JSON is nested too deeply.") from None
    except ValueError as error:
        place = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise ApiError(400, "malformed", f"The body is not valid JSON{place}.") from None


def _too_large(settings: ServerSettings) -> ApiError:
    return ApiError(413, "too_large", f"The body is larger than the {settings.max_body} bytes that are read.")
