"""Texts of requests that arrive together share one `parse_batch`, in a thread beside the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from cnlu.runtime.interpreter import Interpreter
from cnlu.server.responses import ApiError, busy
from cnlu.server.settings import ServerSettings

MOST_TEXTS = 32
MOST_CHARACTERS = 2048
"""One batch ends here, so that short texts do not wait long for others."""

Result = dict[str, Any]
_Job = tuple[str, "asyncio.Future[Result]"]


class Batcher:
    """A bounded queue and the one thread that empties it.

    While a batch is parsed the next one gathers: nobody waits for a batch to fill. The thread does not wait for the
    event loop between two batches, which under overload is busy with refusals for long at a time.
    """

    def __init__(
        self,
        model: Callable[[], Interpreter],
        settings: ServerSettings,
        on_batch: Callable[[list[str], int], None] = lambda texts, waiting: None,
    ) -> None:
        """`on_batch` hears the texts of each batch and how many still wait."""
        self._model = model
        self._settings = settings
        self._on_batch = on_batch
        self._jobs: deque[_Job] = deque()
        self._characters = 0
        self._changed = threading.Condition()
        self._stopped = False
        self._began: float | None = None

    def start(self) -> None:
        """Begins to parse; answers go to the event loop that this is called in."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, args=(loop,), name="parse", daemon=True).start()

    def stop(self) -> None:
        """Lets the thread end after its batch."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    @property
    def full(self) -> bool:
        """Whether any further text would be refused."""
        return (
            len(self._jobs) >= self._settings.max_waiting or self._characters >= self._settings.max_waiting_characters
        )

    @property
    def busy_for(self) -> float:
        """Seconds that the batch at work has been parsed; 0 when none is."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

    async def parse(self, texts: Sequence[str]) -> list[Result]:
        """Parse results in order; raises ApiError 503 at once when the queue is full, 422 or 413
        when it never could: for too many texts, or too many characters."""
        jobs = self._enqueue(texts)
        if len(jobs) == 1:
            return [await jobs[0][1]]
        return list(await asyncio.gather(*(future for _, future in jobs)))

    def _enqueue(self, texts: Sequence[str]) -> list[_Job]:
        most, most_characters = self._settings.max_waiting, self._settings.max_waiting_characters
        characters = sum(map(len, texts))
        if len(texts) > most or characters > most_characters:
            message = f"One request takes at most {most} texts of together {most_characters} characters; divide it."
            raise ApiError(422 if len(texts) > most else 413, "too_much", message)
        loop = asyncio.get_running_loop()
        jobs: list[_Job] = [(text, loop.create_future()) for text in texts]
        with self._changed:
            if len(self._jobs) + len(texts) > most or self._characters + characters > most_characters:
                raise busy()
            self._jobs.extend(jobs)
            self._characters += characters
            self._changed.notify()
        return jobs

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        """The thread."""
        while batch := self._take():
            texts = [text for text, _ in batch]
            self._on_batch(texts, len(self._jobs))
            self._began = time.monotonic()
            answers = _parse(self._model(), texts)
            self._began = None
            with contextlib.suppress(RuntimeError):  # the loop has ended, and with it everybody who waited
                loop.call_soon_threadsafe(_refit, batch, answers)

    def _take(self) -> list[_Job]:
        """The next batch, waiting for it; empty when stopped."""
        batch: list[_Job] = []
        characters = 0
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._stopped)
            while self._jobs and not self._stopped and len(batch) < MOST_TEXTS:
                if batch and characters + len(self._jobs[0][0]) > MOST_CHARACTERS:
                    break
                batch.append(self._jobs.popleft())
                characters += len(batch[-1][0])
            self._characters -= characters
        return batch


def _refit(batch: list[_Job], answers: Sequence[Result | Exception]) -> None:
    for (_, future), found in zip(batch, answers, strict=True):
        if future.done():  # the client went away meanwhile
            continue
        if isinstance(found, Exception):
            future.set_exception(found)
        else:
            future.set_result(found)


def _parse(model: Interpreter, texts: list[str]) -> Sequence[Result | Exception]:
    """The results; where one text breaks the batch, the others are parsed without it."""
    try:
        return model.parse_batch(texts)
    except Exception as error:
        if len(texts) == 1:
            return [error]
    return [_parse(model, [text])[0] for text in texts]
