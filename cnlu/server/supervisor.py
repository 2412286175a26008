"""The parent's side of the workers: it starts them, replaces those that die or hang, and stops them in time."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import signal
import socket
import time
from dataclasses import KW_ONLY, dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from cnlu.errors import CnluError, ModelError
from cnlu.i18n import _
from cnlu.interrupts import block_sigint_in_children
from cnlu.server.metric_files import disable_metrics, retire_process
from cnlu.server.settings import ServerSettings
from cnlu.server.worker import ALIVE, READY, STUCK, run_worker

_POLL_SECONDS = 0.2
"""How long one poll waits for messages; signals are handled between two polls."""
_MAX_BACKOFF = 30.0
"""The longest delay in seconds before a worker that died young is replaced."""
_STABLE_AFTER = 10.0
"""Seconds after which a worker no longer counts as one that died young."""
_START_TIMEOUT = 600.0
"""Seconds that a worker may take to load its model; after that it counts as hung."""
_STOP_SILENCE = 5.0
"""Seconds without a heartbeat after which a worker is killed while the server stops."""
_EXIT_SECONDS = 1.0
"""Seconds that a worker has to exit after its open requests were cut off."""
_PAUSED_SECONDS = 2.0
"""A longer gap between two polls means that this process itself was paused and missed heartbeats."""

_log = logging.getLogger("cnlu.server")


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    started: float
    last_message: float
    _: KW_ONLY
    ready: bool = False
    failure: CnluError | None = None
    """Why it could not start."""
    stuck: bool = False
    """Whether its last message said that parsing hangs."""
    closed: bool = False
    """Whether its end of the pipe is closed."""
    kill_reason: str = ""
    """Why the supervisor killed it."""

    @property
    def starting(self) -> bool:
        return not self.ready and self.failure is None


@dataclass
class _Slot:
    """The place of one of the N workers; its process can change."""

    worker: _Worker | None = None
    backoff: float = 0.0
    restart_at: float = 0.0
    reason: str = ""
    """Why the previous worker ended, if it died young."""


class Supervisor:
    """N slots and the processes in them."""

    def __init__(self, settings: ServerSettings, listening: socket.socket, metrics_folder: Path | None) -> None:
        self._settings, self._listening, self._metrics_folder = settings, listening, metrics_folder
        self._slots = [_Slot() for _ in range(settings.workers)]
        self._last_poll = time.monotonic()

    def start(self, stop: list[int]) -> None:
        """Returns when all workers serve. Raises the CnluError of the first one that cannot start."""
        for slot in self._slots:
            slot.worker = self._spawn()
        while not stop and any(worker.starting for worker in self._workers()):
            self._poll()
            for worker in self._workers():
                if worker.failure is not None:
                    raise ModelError(worker.failure.place, worker.failure.problem, worker.failure.fix)
                if worker.starting and not worker.process.is_alive() and not worker.pipe.poll():
                    raise CnluError(
                        "",
                        _("a worker ended with code {code} before it served", code=worker.process.exitcode),
                        _("the lines above may say why"),
                    )

    def supervise(self) -> None:
        """Kills workers that hang, removes dead ones and fills empty slots; `serve` calls it in a loop."""
        self._poll()
        now = time.monotonic()
        for number, slot in enumerate(self._slots, 1):
            worker = slot.worker
            if worker is not None and worker.process.is_alive() and (reason := self._hang_reason(worker, now)):
                worker.kill_reason = reason
                worker.process.kill()
                worker.process.join()
            if worker is not None and not worker.process.is_alive():
                self._remove(number, slot, worker, now)
            if slot.worker is None and now >= slot.restart_at:
                self._restart(number, slot, now)

    def stop(self) -> None:
        """Lets open requests finish; kills workers that hang or do not finish in time."""
        for worker in self._workers():
            worker.process.terminate()
        deadline = time.monotonic() + self._settings.stop_timeout + _EXIT_SECONDS
        while alive := [worker for worker in self._workers() if worker.process.is_alive()]:
            self._poll()
            now = time.monotonic()
            for worker in alive:
                if now > deadline or now - worker.last_message > _STOP_SILENCE:
                    worker.process.kill()

    def _workers(self) -> list[_Worker]:
        return [slot.worker for slot in self._slots if slot.worker is not None]

    def _hang_reason(self, worker: _Worker, now: float) -> str:
        """Why the worker counts as hung; empty if it does not."""
        if not worker.ready:
            return (
                f"it did not serve within {_START_TIMEOUT:g} seconds" if now - worker.started > _START_TIMEOUT else ""
            )
        if worker.stuck:
            return f"it parsed the same texts for more than {self._settings.parse_timeout:g} seconds and was killed"
        timeout = self._settings.silence_timeout
        silent = now - worker.last_message > timeout
        return f"it did not answer for {timeout:g} seconds and was killed" if silent else ""

    def _remove(self, number: int, slot: _Slot, worker: _Worker, now: float) -> None:
        code = worker.process.exitcode or 0
        if self._metrics_folder is not None:
            retire_process(worker.process.pid or 0, self._metrics_folder)
            if code == -signal.SIGBUS:  # copy-on-write file systems may run out of the space that was reserved
                self._metrics_folder = None
                disable_metrics("a worker ended with SIGBUS, probably because the disk had no room for its mapped file")
        died_young = not worker.ready or now - worker.started < _STABLE_AFTER
        slot.backoff = _next_backoff(slot.backoff) if died_young and slot.reason else 0.0
        ended = f"it ended with signal {-code}" if code < 0 else f"it ended with code {code}"
        reason = worker.kill_reason or (str(worker.failure) if worker.failure else ended)
        if reason != slot.reason or not died_young:
            _log.warning(
                "worker %d (process %s) is gone (%s); another takes its place", number, worker.process.pid, reason
            )
        slot.reason = reason if died_young else ""
        slot.worker, slot.restart_at = None, now + slot.backoff
        worker.pipe.close()

    def _restart(self, number: int, slot: _Slot, now: float) -> None:
        try:
            slot.worker = self._spawn()
        except OSError as error:  # out of memory or processes, which may pass
            slot.backoff = _next_backoff(slot.backoff)
            slot.restart_at = now + slot.backoff
            _log.error("worker %d cannot be started (%s)", number, error.strerror or error)

    def _spawn(self) -> _Worker:
        context = multiprocessing.get_context("spawn")  # inherits no threads and locks of this process
        pipe, parent = context.Pipe(duplex=False)
        process = context.Process(target=run_worker, args=(self._settings, self._listening, parent), daemon=True)
        with block_sigint_in_children():
            process.start()
        parent.close()
        now = time.monotonic()
        return _Worker(process, pipe, now, now)

    def _poll(self) -> None:
        """Waits a moment for messages and exits, and reads the messages."""
        workers = self._workers()
        pipes = [worker.pipe for worker in workers if not worker.closed]
        wait([*pipes, *(worker.process.sentinel for worker in workers)], _POLL_SECONDS)
        now = time.monotonic()
        for worker in workers:
            if now - self._last_poll > _PAUSED_SECONDS:
                worker.last_message = now
            with contextlib.suppress(OSError):
                self._read_messages(worker, now)
        self._last_poll = now

    def _read_messages(self, worker: _Worker, now: float) -> None:
        while not worker.closed and worker.pipe.poll():
            try:
                message = worker.pipe.recv()
            except EOFError:
                worker.closed = True
                return
            worker.last_message, worker.stuck = now, message == STUCK
            if isinstance(message, CnluError):
                worker.failure = message
            elif message not in (ALIVE, STUCK):
                worker.ready = message == READY


def _next_backoff(seconds: float) -> float:
    return min(_MAX_BACKOFF, max(1.0, seconds * 2))
