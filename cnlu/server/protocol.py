"""uvicorn's HTTP connection with the limits that it lacks, however the bytes arrive.

uvicorn limits neither the time nor the size of a request's head and trailers, nor the number of pipelined requests, nor
how long a response waits for the client to read it. So its parser gets the bytes in steps, and no further bytes once a
second request waits for the first one's response. `cnlu/server/request_limits.py` limits the time of reading a body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import httptools
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from cnlu.server.raw_responses import MAX_HEAD, MAX_HEADERS, answer_busy, refusal
from cnlu.server.request_limits import ByteLimiter
from cnlu.server.settings import ServerSettings
from cnlu.server.timeouts import TimedProtocol

_STEP_BYTES = 512
"""Bytes parsed in one step outside a body of known length; they can hold at most 28 requests."""
_CHUNK_FRAMING = 12
"""Bytes of a chunk's framing that no limit counts: eight hex digits and two line ends."""
_DRAIN_SECONDS = 2.0
"""Seconds during which a refused client's bytes are read and dropped; otherwise it might never see the response."""
_WRITE_BUFFER = 16 << 10
"""Bytes of responses that a connection buffers before the next response waits."""


class _StopParsing(Exception):
    """Ends the parsing of a connection that is refused."""


class BoundedProtocol(TimedProtocol):
    """One connection."""

    def __init__(
        self,
        *args: Any,
        settings: ServerSettings,
        limiter: ByteLimiter,
        on_refused: Callable[[int], None],
        **options: Any,
    ) -> None:
        super().__init__(*args, write_timeout=settings.write_timeout, **options)
        self._settings, self._limiter, self._on_refused = settings, limiter, on_refused
        self._in_head = False
        self._in_message = False
        self._framing = 0
        """Bytes of the head so far, then of the framing of its chunked body."""
        self._header_count = 0
        self._body_left = 0
        """Bytes of the body still to come, if the length is known."""
        self._pending: dict[RequestResponseCycle, int] = {}
        """Requests without a response, the oldest first, and the bytes of their bodies."""
        self._unparsed = b""
        """Bytes that arrived after the pending requests."""

    # Lifetime of the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(_WRITE_BUFFER)
        if len(self.connections) > 2 * self._settings.max_connections:
            transport.abort()
            return
        if len(self.connections) > self._settings.max_connections:
            self.app = answer_busy
        self._start_timer(self._settings.read_timeout, self._close)  # for the first byte of a request

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._stop_timer()
        self._stop_write_timer()
        self._limiter.release(len(self._unparsed))
        self._unparsed = b""
        for cycle, size in self._pending.items():
            self._limiter.release_body(size)
            cycle.disconnected = True  # uvicorn notifies only the newest request
            cycle.message_event.set()
        self._pending = {}
        super().connection_lost(exc)

    # Incoming bytes

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        if self._unparsed or self.pipeline:
            self._buffer(data)
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        view = memoryview(data)
        while view and not self._closing and not self.pipeline:
            size = self._body_left or _STEP_BYTES
            self._step(view[:size])
            view = view[size:]
        if self.pipeline and not self._closing:
            self._stop_timer()  # a request that is not read cannot be late
            self._buffer(bytes(view))

    def _step(self, piece: memoryview) -> None:
        self._framing += len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as error:
            self._ignore_upgrade(bytes(piece[error.args[0] :]))
        except httptools.HttpParserError:
            self._refuse(400)
        self._framing = max(0, self._framing)
        if self._in_message and self._framing > MAX_HEAD:
            self._refuse(431)

    def _ignore_upgrade(self, remaining: bytes) -> None:
        """Reads the request as if it had no Upgrade header, which RFC 9110, section 7.8, allows.

        The parser treats what follows such a head as the other protocol, so it gets the head again without the header.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if method == b"CONNECT":
            self._refuse(400)
            return
        headers = [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        head = [b"%s %s HTTP/%s" % (method, self.url, version.encode()), *headers, b"", b""]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._parse(b"\r\n".join(head) + remaining)

    def _buffer(self, data: bytes) -> None:
        """Keeps bytes that arrive after pending requests for later."""
        self.flow.pause_reading()
        if self._limiter.acquire(len(data)):
            self._unparsed += data
        else:
            self._close()

    def _resume(self) -> None:
        data, self._unparsed = self._unparsed, b""
        self._limiter.release(len(data))
        if not self._closing:
            self._parse(data)
        if not (self._unparsed or self.pipeline or self.transport.is_closing()):
            self.flow.resume_reading()

    # Callbacks of the parser

    def on_message_begin(self) -> None:
        if self._closing:
            raise _StopParsing
        self._in_head = self._in_message = True
        self._framing = self._body_left = self._header_count = 0
        self._start_timer(self._settings.read_timeout, self._on_head_timeout)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_count += 1
        if self._header_count > MAX_HEADERS:
            self._refuse_and_stop(431)
        if self._in_head:  # trailers are not used here
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # the parser raises HttpParserUpgrade next
        self._check_head()
        super().on_headers_complete()
        self._stop_timer()
        self._pending[self.cycle] = 0
        self._in_head = False
        self._framing = 0

    def _check_head(self) -> None:
        """Refuses what RFC 9112 forbids and the parser accepts: two servers could read two different requests.

        Sets the length of the body.
        """
        version = self.parser.get_http_version()
        if version not in ("1.1", "1.0"):
            self._refuse_and_stop(505)
        names = [name for name, _ in self.headers]
        hosts = names.count(b"host")
        if hosts > 1 or (version == "1.1" and not hosts):
            self._refuse_and_stop(400)
        if b"transfer-encoding" in names:
            codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
            if version != "1.1" or codings != [b"chunked"]:
                self._refuse_and_stop(400)
        elif b"content-length" in names:
            self._body_left = int(dict(self.headers)[b"content-length"])

    def on_chunk_header(self) -> None:
        self._framing -= _CHUNK_FRAMING

    def on_body(self, body: bytes) -> None:
        self._framing -= len(body)
        self._body_left = max(0, self._body_left - len(body))
        if self.cycle.response_complete:
            return  # the response is sent, so the body is not needed
        if not self._limiter.acquire_body(self._pending[self.cycle], len(body)):
            self._refuse_and_stop(503)
        self._pending[self.cycle] += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._in_message = False
        self._closing = self._closing or not self.parser.should_keep_alive()
        super().on_message_complete()
        if self.cycle.response_complete:
            self._start_timer(self._settings.keep_alive, self._close)

    # Responses

    def on_response_complete(self) -> None:
        self._limiter.release_body(self._pending.pop(next(iter(self._pending))))
        super().on_response_complete()
        if self.transport.is_closing():
            self._close()
            return
        self._unset_keepalive_if_required()  # replaced by `_timer`, because any byte would stop uvicorn's timer
        if self.pipeline or self._unparsed:
            self.flow.pause_reading()
        if self._unparsed and not self.pipeline:
            self.loop.call_soon(self._resume)
        if self._in_head and self._timer is None and not self.pipeline:
            self._start_timer(self._settings.read_timeout, self._on_head_timeout)
        elif self.cycle.response_complete and not self._in_head:
            seconds = self._settings.read_timeout if self._in_message else self._settings.keep_alive
            self._start_timer(seconds, self._close)  # for the rest of a dropped body, or for the next request

    def _on_head_timeout(self) -> None:
        self._refuse(408)

    def _refuse_and_stop(self, status: int) -> NoReturn:
        self._refuse(status)
        raise _StopParsing

    def _refuse(self, status: int) -> None:
        """Refuses the rest of this connection; earlier requests get their responses, then it closes."""
        if self._closing or self.transport.is_closing():
            return
        self._closing = True
        self._stop_timer()
        started = self._in_message and not self._in_head  # the refused request is the newest cycle
        if not started and self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        elif started and (self.pipeline or self.cycle.response_started):
            self._close()
        else:
            if started:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            self._answer_refusal(status)

    def _answer_refusal(self, status: int) -> None:
        self._on_refused(status)
        self.transport.write(refusal(status))
        self.transport.write_eof()
        self.flow.resume_reading()
        self._start_timer(_DRAIN_SECONDS, self._reset)


def bounded_protocol(settings: ServerSettings, on_refused: Callable[[int], None] = lambda status: None) -> Any:
    """The value of uvicorn's option `http`; `on_refused` is called with the status of responses without a request."""
    return partial(BoundedProtocol, settings=settings, limiter=ByteLimiter(settings.max_bodies), on_refused=on_refused)
