"""How long a connection waits for its client: to send, by one timer, and to read what was written, by another."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class TimedProtocol(HttpToolsProtocol):
    """uvicorn's connection, which gives up a client that does not read for `write_timeout` seconds."""

    def __init__(self, *args: Any, write_timeout: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._write_timeout = write_timeout
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._ended = False
        """No further request is taken: whatever still comes is dropped."""

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():  # then all that was written must be read in time
            self._stop_expecting()

    def _expect_reader(self) -> None:
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self._write_timeout, self._reset)

    def _stop_expecting(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _close(self) -> None:
        """Closes when the client has read what was written; gives it `write_timeout` for that."""
        self._ended = True
        self._expect_reader()
        self.transport.close()

    def _reset(self) -> None:
        """Ends the connection at once; without the option the system would keep what nobody reads for minutes."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _wait(self, seconds: float, then: Callable[[], object]) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, then)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
