"""The worker processes as their parent sees them: started, replaced when they die or hang, stopped in time."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import signal
import socket
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from cnlu.errors import CnluError, ModelError
from cnlu.interrupts import block_sigint_in_children
from cnlu.server.metric_files import disable_metrics, retire_process
from cnlu.server.settings import ServerSettings
from cnlu.server.worker import ALIVE, READY, STUCK, work

_LOOK = 0.2
"""Seconds between two looks at signals."""
_LONGEST_PAUSE = 30.0
"""Seconds, at most, between the end of a worker that did not live long and its replacement."""
_LONG_LIFE = 10.0
_LONGEST_START = 600.0
"""Seconds that a worker may take to load its model; then it counts as hung."""
_SILENT_AT_THE_END = 5.0
"""Seconds without a word after which a worker is killed when the server stops; they speak each second."""
_TO_EXIT = 1.0
"""Seconds that a worker has to end after its open requests were cut off."""
_PAUSED = 2.0
"""Seconds between two looks beyond which this process itself was paused: no worker could be heard."""

_log = logging.getLogger("cnlu.server")


@dataclass
class _Worker:
    process: SpawnProcess
    hear: Connection
    born: float
    heard: float
    """When it last said anything."""
    said: str | None = None
    """READY, or the sentence with which it gave up; None until it says anything."""
    stuck: bool = False
    """Whether it last said that parsing hangs."""
    mute: bool = False
    """Whether its end of the pipe is closed."""
    killed: str = ""
    """Why this process killed it."""


@dataclass
class _Place:
    """One of the N workers, whoever fills it at the moment."""

    worker: _Worker | None = None
    pause: float = 0.0
    due: float = 0.0
    complaint: str = ""


class Supervisor:
    """N places and the processes in them."""

    def __init__(self, settings: ServerSettings, listening: socket.socket, folder: Path | None) -> None:
        self._settings, self._listening, self._folder = settings, listening, folder
        self._places = [_Place() for _ in range(settings.workers)]
        self._looked = time.monotonic()

    def start(self, stop: list[int]) -> None:
        """Returns when all serve. Raises CnluError with the sentence of the first that cannot."""
        for place in self._places:
            place.worker = self._spawn()
        while not stop and any(worker.said is None for worker in self._present()):
            self._listen()
            for worker in self._present():
                if worker.said == READY:
                    continue
                if worker.said is not None:
                    raise ModelError(worker.said)
                if not worker.process.is_alive() and not worker.hear.poll():
                    raise CnluError(
                        f"a worker ended with code {worker.process.exitcode} before it served; "
                        "the lines above may say why."
                    )

    def supervise(self) -> None:
        """One look: kills the hung, buries the dead, fills empty places."""
        self._listen()
        now = time.monotonic()
        for number, place in enumerate(self._places, 1):
            worker = place.worker
            if worker is not None and worker.process.is_alive() and (why := self._hangs(worker, now)):
                worker.killed = why
                worker.process.kill()
                worker.process.join()
            if worker is not None and not worker.process.is_alive():
                self._bury(number, place, worker, now)
            if place.worker is None and now >= place.due:
                self._fill(number, place, now)

    def stop(self) -> None:
        """Lets open requests finish; whoever is not done in time, or hangs, is killed."""
        for worker in self._present():
            worker.process.terminate()
        deadline = time.monotonic() + self._settings.stop_timeout + _TO_EXIT
        while alive := [worker for worker in self._present() if worker.process.is_alive()]:
            self._listen()
            now = time.monotonic()
            for worker in alive:
                if now > deadline or now - worker.heard > _SILENT_AT_THE_END:
                    worker.process.kill()

    def _present(self) -> list[_Worker]:
        return [place.worker for place in self._places if place.worker is not None]

    def _hangs(self, worker: _Worker, now: float) -> str:
        """Why it counts as hung; empty when it does not."""
        if worker.said != READY:
            return f"it did not serve within {_LONGEST_START:g} seconds" if now - worker.born > _LONGEST_START else ""
        if worker.stuck:
            return f"it parsed the same texts for more than {self._settings.parse_timeout:g} seconds and was killed"
        silence = self._settings.silence_timeout
        return f"it did not answer for {silence:g} seconds and was killed" if now - worker.heard > silence else ""

    def _bury(self, number: int, place: _Place, worker: _Worker, now: float) -> None:
        code = worker.process.exitcode or 0
        if self._folder is not None:
            retire_process(worker.process.pid or 0, self._folder)
            if code == -signal.SIGBUS:  # on file systems that copy what is written, reserved room may be missing later
                self._folder = None
                disable_metrics("a worker ended as one does whose mapped file has no room on the disk")
        how = f"signal {-code}" if code < 0 else f"code {code}"
        short = worker.said != READY or now - worker.born < _LONG_LIFE
        place.pause = min(_LONGEST_PAUSE, max(1.0, place.pause * 2)) if short and place.complaint else 0.0
        complaint = worker.killed or worker.said or f"it ended with {how}"
        if complaint != place.complaint or not short:
            _log.warning(
                "worker %d (process %s) is gone (%s); another takes its place", number, worker.process.pid, complaint
            )
        place.complaint = complaint if short else ""
        place.worker, place.due = None, now + place.pause
        worker.hear.close()

    def _fill(self, number: int, place: _Place, now: float) -> None:
        try:
            place.worker = self._spawn()
        except OSError as error:  # no memory, no processes left: that may pass
            place.pause = min(_LONGEST_PAUSE, max(1.0, place.pause * 2))
            place.due = now + place.pause
            _log.error("worker %d cannot be started (%s)", number, error.strerror or error)

    def _spawn(self) -> _Worker:
        context = multiprocessing.get_context("spawn")  # nothing of this process's threads and locks comes along
        hear, tell = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(self._settings, self._listening, tell), daemon=True)
        with block_sigint_in_children():
            process.start()
        tell.close()
        now = time.monotonic()
        return _Worker(process, hear, now, now)

    def _listen(self) -> None:
        """Waits a moment for words and deaths, and takes the words."""
        present = self._present()
        ends = [worker.hear for worker in present if not worker.mute]
        wait([*ends, *(worker.process.sentinel for worker in present)], _LOOK)
        now = time.monotonic()
        for worker in present:
            if now - self._looked > _PAUSED:
                worker.heard = now
            with contextlib.suppress(OSError):
                self._take_words(worker, now)
        self._looked = now

    def _take_words(self, worker: _Worker, now: float) -> None:
        while not worker.mute and worker.hear.poll():
            try:
                word = worker.hear.recv()
            except EOFError:
                worker.mute = True
                return
            worker.heard, worker.stuck = now, word == STUCK
            if word not in (ALIVE, STUCK):
                worker.said = word
