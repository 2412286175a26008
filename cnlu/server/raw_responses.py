"""Answers to what never came together as a request, written on the bare connection."""

from __future__ import annotations

from typing import Any

from cnlu.server.responses import busy, encode, error_body

MOST_HEAD = 32 << 10
"""Bytes of a request's line and headers; the same again for what a chunked body has beside its content."""
MOST_HEADERS = 100
"""Headers of a request, trailers included: each costs far more memory than its bytes."""

_REFUSALS = {
    400: ("Bad Request", "malformed", "This is not an HTTP request, or not one that all would read alike."),
    408: ("Request Timeout", "too_slow", "The head of the request did not arrive in time."),
    431: (
        "Request Header Fields Too Large",
        "head_too_large",
        f"A request has at most {MOST_HEADERS} headers and {MOST_HEAD} bytes of head; trailers count too.",
    ),
    503: ("Service Unavailable", "busy", busy().message),
    505: ("HTTP Version Not Supported", "malformed", "This server speaks HTTP/1.1 and HTTP/1.0."),
}


def refusal(status: int) -> bytes:
    """The whole answer; the connection is closed after it."""
    phrase, code, message = _REFUSALS[status]
    body = encode(error_body(code, message))
    again = "retry-after: 1\r\n" if status == 503 else ""
    head = (
        f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\n{again}"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


async def answer_busy(scope: Any, receive: Any, send: Any) -> None:
    """The application of connections beyond those that are served."""
    answer = busy()
    answer.headers["Connection"] = "close"
    await answer.response()(scope, receive, send)
