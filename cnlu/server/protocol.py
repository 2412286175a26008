"""uvicorn's HTTP connection with the bounds that it lacks: on the head of a request, and on who never finishes.

uvicorn bounds how long a connection may idle between two requests. It bounds neither the time nor the size of a
request's head, nor how long a body that nobody wants any more may drip in. Bodies that are wanted are bounded where
they are read, in `cnlu/server/limits.py`.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cnlu.server.answers import busy, encode, error_body
from cnlu.server.settings import ServerSettings

MOST_HEAD = 32 << 10
"""Bytes of a request's line and headers."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, settings: ServerSettings, **options: Any) -> None:
        super().__init__(*args, **options)
        self._settings = settings
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = False
        self._in_message = False
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(self.transport.close)  # for the first byte

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        in_body = self._in_message and not self._in_head
        super().data_received(data)
        if self._in_head and not in_body:  # the rest of a body may stand before the head of the next request
            self._head_bytes += len(data)
        if self._in_head and self._head_bytes > MOST_HEAD:
            self._refuse(431, "Request Header Fields Too Large", "head_too_large",
                         f"The head of the request is larger than {MOST_HEAD} bytes.")  # fmt: skip

    def on_message_begin(self) -> None:
        self._in_head = self._in_message = True
        self._head_bytes = 0
        self._wait(self._head_too_slow)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_waiting()
        if len(self.connections) > self._settings.max_connections:
            self.app = _answer_busy
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_message = False
        self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_message and not self._in_head:  # answered before the body was there: the rest is read and dropped
            self._wait(self.transport.close)

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "Bad Request", "malformed", "This is not an HTTP request.")

    def _wait(self, then: Any) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(self._settings.read_timeout, then)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _head_too_slow(self) -> None:
        self._refuse(
            408,
            "Request Timeout",
            "too_slow",
            f"The head of the request did not arrive within {self._settings.read_timeout:g} seconds.",
        )

    def _refuse(self, status: int, phrase: str, code: str, message: str) -> None:
        """Answers on the bare connection, where no request came together, and closes it."""
        if self.transport.is_closing():
            return
        body = encode(error_body(code, message))
        head = (
            f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def bounded(settings: ServerSettings) -> Any:
    """What uvicorn takes as its `http`."""
    return partial(BoundedProtocol, settings=settings)


async def _answer_busy(scope: Any, receive: Any, send: Any) -> None:
    refusal = busy()
    refusal.headers["Connection"] = "close"
    await refusal.response()(scope, receive, send)
