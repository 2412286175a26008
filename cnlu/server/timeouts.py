"""The two timers of a connection: how long the client may take to send, and to read what was written."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class TimedProtocol(HttpToolsProtocol):
    """uvicorn's connection; it resets a client that does not read for `write_timeout` seconds."""

    def __init__(self, *args: Any, write_timeout: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._write_timeout = write_timeout
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._closing = False
        """Whether no further request is accepted; further bytes are dropped."""

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_write_timer()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():  # a closing connection must still be read in time
            self._stop_write_timer()

    def _start_write_timer(self) -> None:
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self._write_timeout, self._reset)

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _close(self) -> None:
        """Closes once the client has read what was written, at the latest after `write_timeout`."""
        self._closing = True
        self._start_write_timer()
        self.transport.close()

    def _reset(self) -> None:
        """Resets the connection at once; without SO_LINGER the kernel would keep unread bytes for minutes."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _start_timer(self, seconds: float, callback: Callable[[], object]) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, callback)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
