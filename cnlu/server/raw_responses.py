"""Responses to malformed or late requests, written directly to the connection."""

from __future__ import annotations

from typing import Any

from cnlu.i18n import _
from cnlu.server.responses import busy_error, encode, error_body

MAX_HEAD = 32 << 10
"""Maximum bytes of the request line and headers, and separately of the framing of a chunked body."""
MAX_HEADERS = 100
"""Maximum number of headers of a request, trailers included: each takes far more memory than its bytes."""


def _refusals() -> dict[int, tuple[str, str, str]]:
    """Reason phrase, code and message by status."""
    return {
        400: ("Bad Request", "malformed", _("This is not an HTTP request, or an ambiguous one.")),
        408: ("Request Timeout", "too_slow", _("The head of the request did not arrive in time.")),
        431: (
            "Request Header Fields Too Large",
            "head_too_large",
            _(
                "A request has at most {headers} headers and {size} bytes of head; trailers count too.",
                headers=MAX_HEADERS,
                size=MAX_HEAD,
            ),
        ),
        503: ("Service Unavailable", "busy", busy_error().message),
        505: ("HTTP Version Not Supported", "malformed", _("This server speaks HTTP/1.1 and HTTP/1.0.")),
    }


def refusal(status: int) -> bytes:
    """The complete response; the connection is closed after it."""
    phrase, code, message = _refusals()[status]
    body = encode(error_body(code, message))
    retry = "retry-after: 1\r\n" if status == 503 else ""
    head = (
        f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\n{retry}"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


async def answer_busy(scope: Any, receive: Any, send: Any) -> None:
    """The application of connections above the limit."""
    error = busy_error()
    error.headers["Connection"] = "close"
    await error.response()(scope, receive, send)
