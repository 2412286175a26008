"""uvicorn's HTTP connection with the bounds that it lacks, however the bytes arrive.

uvicorn bounds neither the time nor the size of a request's head and trailers, nor how many requests wait on a
connection, nor how long an answer waits for its reader. So the bytes are handed to its parser in steps, and no further
than to the end of the step in which a second request begins to wait for the first one's answer. How long a body that is
wanted may take is bounded where it is read, in `cnlu/server/request_limits.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import httptools
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from cnlu.server.raw_responses import MOST_HEAD, MOST_HEADERS, answer_busy, refusal
from cnlu.server.request_limits import ByteLimiter
from cnlu.server.settings import ServerSettings
from cnlu.server.timeouts import TimedProtocol

_STEP = 512
"""Bytes parsed in one step outside a body of known length: they hold 28 requests at most."""
_FREE_PER_CHUNK = 12
"""Bytes of a chunk's own framing that count against nothing: eight hex digits and two line ends."""
_LINGER = 2.0
"""Seconds in which what a refused client still sends is read and dropped, or it might never see its answer."""
_WRITE_BUFFER = 16 << 10
"""Bytes of answers that wait on a connection before the next answer does."""


class _Stop(Exception):
    """Ends the parser's work on a connection that is refused."""


class BoundedProtocol(TimedProtocol):
    """One connection."""

    def __init__(
        self,
        *args: Any,
        settings: ServerSettings,
        budget: ByteLimiter,
        on_refused: Callable[[int], None],
        **options: Any,
    ) -> None:
        super().__init__(*args, write_timeout=settings.write_timeout, **options)
        self._settings, self._budget, self._on_refused = settings, budget, on_refused
        self._in_head = False
        self._in_message = False
        self._framing = 0
        """Bytes of the head so far, and then of what its chunked body has beside the content."""
        self._headers = 0
        self._content_left = 0
        """Bytes of its body still to come, where they are known."""
        self._open: dict[RequestResponseCycle, int] = {}
        """Requests that are not answered, the oldest first, and the bytes of their bodies."""
        self._rest = b""
        """What came after the requests that wait."""

    # The connection's life

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(_WRITE_BUFFER)
        if len(self.connections) > 2 * self._settings.max_connections:
            transport.abort()
            return
        if len(self.connections) > self._settings.max_connections:
            self.app = answer_busy
        self._wait(self._settings.read_timeout, self._close)  # for the first byte of a request

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._stop_waiting()
        self._stop_expecting()
        self._budget.give(len(self._rest))
        self._rest = b""
        for cycle, held in self._open.items():
            self._budget.release_body(held)
            cycle.disconnected = True  # uvicorn tells the newest alone
            cycle.message_event.set()
        self._open = {}
        super().connection_lost(exc)

    # Bytes in

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        if self._rest or self.pipeline:
            self._keep(data)
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        view = memoryview(data)
        while view and not self._ended and not self.pipeline:
            size = self._content_left or _STEP
            self._step(view[:size])
            view = view[size:]
        if self.pipeline and not self._ended:
            self._stop_waiting()  # what is not read cannot be late
            self._keep(bytes(view))

    def _step(self, piece: memoryview) -> None:
        self._framing += len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as error:
            self._ignore_upgrade(bytes(piece[error.args[0] :]))
        except httptools.HttpParserError:
            self._refuse(400)
        self._framing = max(0, self._framing)
        if self._in_message and self._framing > MOST_HEAD:
            self._refuse(431)

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Reads the request as if it had not offered another protocol, which RFC 9110, 7.8 allows.

        The parser takes what follows such a head for the other protocol, so it reads the head again without the offer.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if method == b"CONNECT":
            self._refuse(400)
            return
        headers = [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        head = [b"%s %s HTTP/%s" % (method, self.url, version.encode()), *headers, b"", b""]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._parse(b"\r\n".join(head) + rest)

    def _keep(self, data: bytes) -> None:
        """Puts off what comes after requests that wait."""
        self.flow.pause_reading()
        if self._budget.take(len(data)):
            self._rest += data
        else:
            self._close()

    def _go_on(self) -> None:
        rest, self._rest = self._rest, b""
        self._budget.give(len(rest))
        if not self._ended:
            self._parse(rest)
        if not (self._rest or self.pipeline or self.transport.is_closing()):
            self.flow.resume_reading()

    # What the parser finds

    def on_message_begin(self) -> None:
        if self._ended:
            raise _Stop
        self._in_head = self._in_message = True
        self._framing = self._content_left = self._headers = 0
        self._wait(self._settings.read_timeout, self._head_late)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers += 1
        if self._headers > MOST_HEADERS:
            self._stop(431)
        if self._in_head:  # a trailer says nothing that is asked for here
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # what follows is an HttpParserUpgrade
        self._check_head()
        super().on_headers_complete()
        self._stop_waiting()
        self._open[self.cycle] = 0
        self._in_head = False
        self._framing = 0

    def _check_head(self) -> None:
        """Refuses what RFC 9112 forbids and the parser lets pass: two readers could see two different requests.

        Notes the length of the body.
        """
        version = self.parser.get_http_version()
        if version not in ("1.1", "1.0"):
            self._stop(505)
        names = [name for name, _ in self.headers]
        hosts = names.count(b"host")
        if hosts > 1 or (version == "1.1" and not hosts):
            self._stop(400)
        if b"transfer-encoding" in names:
            codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
            if version != "1.1" or codings != [b"chunked"]:
                self._stop(400)
        elif b"content-length" in names:
            self._content_left = int(dict(self.headers)[b"content-length"])

    def on_chunk_header(self) -> None:
        self._framing -= _FREE_PER_CHUNK

    def on_body(self, body: bytes) -> None:
        self._framing -= len(body)
        self._content_left = max(0, self._content_left - len(body))
        if self.cycle.response_complete:
            return  # nobody wants it any more
        if not self._budget.acquire_body(self._open[self.cycle], len(body)):
            self._stop(503)
        self._open[self.cycle] += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._in_message = False
        self._ended = self._ended or not self.parser.should_keep_alive()
        super().on_message_complete()
        if self.cycle.response_complete:
            self._wait(self._settings.keep_alive, self._close)

    # Answers

    def on_response_complete(self) -> None:
        self._budget.release_body(self._open.pop(next(iter(self._open))))
        super().on_response_complete()
        if self.transport.is_closing():
            self._close()
            return
        self._unset_keepalive_if_required()  # `_timer` stands for it: uvicorn's would end with any byte
        if self.pipeline or self._rest:
            self.flow.pause_reading()
        if self._rest and not self.pipeline:
            self.loop.call_soon(self._go_on)
        if self._in_head and self._timer is None and not self.pipeline:
            self._wait(self._settings.read_timeout, self._head_late)
        elif self.cycle.response_complete and not self._in_head:
            late = self._settings.read_timeout if self._in_message else self._settings.keep_alive
            self._wait(late, self._close)  # for the rest of a body that is dropped, or for the next request

    def _head_late(self) -> None:
        self._refuse(408)

    def _stop(self, status: int) -> NoReturn:
        self._refuse(status)
        raise _Stop

    def _refuse(self, status: int) -> None:
        """Takes no more of this connection; requests before the refused one are answered, then it closes."""
        if self._ended or self.transport.is_closing():
            return
        self._ended = True
        self._stop_waiting()
        begun = self._in_message and not self._in_head  # the refused request is the newest cycle
        if not begun and self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        elif begun and (self.pipeline or self.cycle.response_started):
            self._close()
        else:
            if begun:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            self._answer_refusal(status)

    def _answer_refusal(self, status: int) -> None:
        self._on_refused(status)
        self.transport.write(refusal(status))
        self.transport.write_eof()
        self.flow.resume_reading()
        self._wait(_LINGER, self._reset)


def bounded(settings: ServerSettings, on_refused: Callable[[int], None] = lambda status: None) -> Any:
    """What uvicorn takes as its `http`; `on_refused` hears the status of what is refused before it is a request."""
    return partial(BoundedProtocol, settings=settings, budget=ByteLimiter(settings.max_bodies), on_refused=on_refused)
