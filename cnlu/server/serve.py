"""The parent of the workers: binds the socket, starts them, replaces the dead, stops them in order."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from cnlu.errors import CnluError, ModelError, UsageError
from cnlu.server.annotate import check_file
from cnlu.server.metrics import FOLDER, forget_process
from cnlu.server.settings import ServerSettings
from cnlu.server.worker import READY, configure_log, work

BACKLOG = 2048
_SEND_BUFFER = 128 << 10
"""Bytes of answers that the system may hold for a client that does not read; its own choice goes to megabytes."""
_LOOK = 0.2
"""Seconds between two looks at signals."""
_LONGEST_PAUSE = 30.0
"""Seconds, at most, between the end of a worker that did not live long and its replacement."""
_LONG_LIFE = 10.0

_log = logging.getLogger("cnlu.server")


@dataclass
class _Worker:
    process: SpawnProcess
    hear: Connection
    born: float
    said: str | None = None
    """READY, or the sentence with which it gave up; None until it says anything."""


@dataclass
class _Place:
    """One of the N workers, whoever fills it at the moment."""

    worker: _Worker | None = None
    pause: float = 0.0
    due: float = 0.0
    complaint: str = ""


def serve(settings: ServerSettings) -> int:
    """Serves until SIGTERM or Ctrl-C and returns 0. Raises CnluError when it cannot begin."""
    if settings.annotate is not None:
        check_file(settings.annotate)
    configure_log()
    with _bound(settings) as listening, _metrics_folder() as folder:
        workers = _Workers(settings, listening, folder)
        with _signals() as stop:
            try:
                workers.start(stop)
                if not stop:
                    _announce(settings, listening)
                while not stop:
                    workers.look_after()
            finally:
                listening.close()  # or what arrives from now on would wait in vain
                workers.stop()
    _log.info("stopped")
    return 0


class _Workers:
    """N places and the processes in them."""

    def __init__(self, settings: ServerSettings, listening: socket.socket, folder: Path) -> None:
        self._settings, self._listening, self._folder = settings, listening, folder
        self._places = [_Place() for _ in range(settings.workers)]

    def start(self, stop: list[int]) -> None:
        """Returns when all serve. Raises CnluError with the sentence of the first that cannot."""
        for place in self._places:
            place.worker = self._spawn()
        while not stop and any(place.worker.said is None for place in self._places if place.worker):
            self._listen()
            for place in self._places:
                worker = place.worker
                if worker is None or worker.said == READY:
                    continue
                if worker.said is not None:
                    raise ModelError(worker.said)
                if not worker.process.is_alive() and not worker.hear.poll():
                    raise CnluError(f"a worker ended with code {worker.process.exitcode} before it served; "
                                    "the lines above may say why.")  # fmt: skip

    def look_after(self) -> None:
        """One look: buries the dead, fills empty places."""
        self._listen()
        now = time.monotonic()
        for number, place in enumerate(self._places, 1):
            worker = place.worker
            if worker is not None and not worker.process.is_alive():
                self._bury(number, place, worker, now)
            if place.worker is None and now >= place.due:
                place.worker = self._spawn()

    def stop(self) -> None:
        """Lets open requests finish; whoever is not done by then is killed."""
        alive = [place.worker for place in self._places if place.worker is not None]
        for worker in alive:
            worker.process.terminate()
        deadline = time.monotonic() + self._settings.stop_timeout + 3
        for worker in alive:
            worker.process.join(max(0.1, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()

    def _bury(self, number: int, place: _Place, worker: _Worker, now: float) -> None:
        forget_process(worker.process.pid or 0, self._folder)
        code = worker.process.exitcode or 0
        how = f"signal {-code}" if code < 0 else f"code {code}"
        short = worker.said != READY or now - worker.born < _LONG_LIFE
        place.pause = min(_LONGEST_PAUSE, max(1.0, place.pause * 2)) if short and place.complaint else 0.0
        complaint = worker.said or f"it ended with {how}"
        if complaint != place.complaint or not short:
            _log.warning("worker %d (process %s) is gone (%s); another takes its place", number, worker.process.pid,
                         complaint)  # fmt: skip
        place.complaint = complaint if short else ""
        place.worker, place.due = None, now + place.pause
        worker.hear.close()

    def _spawn(self) -> _Worker:
        context = multiprocessing.get_context("spawn")  # nothing of this process's threads and locks comes along
        hear, tell = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(self._settings, self._listening, tell), daemon=True)
        process.start()
        tell.close()
        return _Worker(process, hear, time.monotonic())

    def _listen(self) -> None:
        """Waits a moment for words and deaths, and takes the words."""
        workers = [place.worker for place in self._places if place.worker is not None]
        mute = [worker for worker in workers if worker.said is None]
        wait([worker.hear for worker in mute] + [worker.process.sentinel for worker in workers], _LOOK)
        for worker in mute:
            with contextlib.suppress(EOFError, OSError):
                if worker.hear.poll():
                    worker.said = worker.hear.recv()


@contextlib.contextmanager
def _bound(settings: ServerSettings) -> Iterator[socket.socket]:
    place = f"{settings.host}:{settings.port}"
    try:
        family, *_, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.create_server(address, family=family, backlog=BACKLOG)
    except (OSError, UnicodeError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{place}: cannot listen there ({reason}); choose another --host or --port.") from None
    with listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)  # connections inherit it
        yield listening


@contextlib.contextmanager
def _metrics_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cnlu-metrics-"))
    os.environ[FOLDER] = str(folder)
    try:
        yield folder
    finally:
        os.environ.pop(FOLDER, None)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """A list that SIGTERM and SIGINT put themselves into."""
    heard: list[int] = []
    before = {number: signal.signal(number, lambda number, frame: heard.append(number))
              for number in (signal.SIGTERM, signal.SIGINT)}  # fmt: skip
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _announce(settings: ServerSettings, listening: socket.socket) -> None:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    many = "1 worker" if settings.workers == 1 else f"{settings.workers} workers"
    _log.info("serving at http://%s:%d (%s); Ctrl-C stops it", shown, port, many)
    if settings.token is None and not (host.startswith("127.") or host == "::1"):
        _log.warning("no --token is set: whoever reaches %s:%d may use this server", shown, port)
    sys.stderr.flush()
