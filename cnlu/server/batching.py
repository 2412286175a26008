"""Batches texts of concurrent requests into one `parse_batch`, in a thread beside the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from cnlu.i18n import _
from cnlu.runtime.interpreter import Interpreter
from cnlu.server.responses import ApiError, busy_error
from cnlu.server.settings import ServerSettings

MAX_BATCH_TEXTS = 32
MAX_BATCH_CHARACTERS = 2048
"""The limits of one batch, so that short texts do not wait long for others."""

Result = dict[str, Any]
_Job = tuple[str, "asyncio.Future[Result]"]


class Batcher:
    """A bounded queue and the thread that empties it.

    Texts queue while the previous batch is parsed; no text waits for a batch to fill up. Between two batches the thread
    does not wait for the event loop, which under overload is busy refusing requests.
    """

    def __init__(
        self,
        model: Callable[[], Interpreter],
        settings: ServerSettings,
        on_batch: Callable[[list[str], int], None] = lambda texts, waiting: None,
    ) -> None:
        """`on_batch` is called with the texts of each batch and the number of texts still queued."""
        self._model = model
        self._settings = settings
        self._on_batch = on_batch
        self._jobs: deque[_Job] = deque()
        self._characters = 0
        self._changed = threading.Condition()
        self._stopped = False
        self._batch_started: float | None = None

    def start(self) -> None:
        """Starts parsing; results go to the event loop in which this is called."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, args=(loop,), name="parse", daemon=True).start()

    def stop(self) -> None:
        """Ends the thread after its current batch."""
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
    def busy_seconds(self) -> float:
        """Seconds since the current batch started; 0 if there is none."""
        started = self._batch_started
        return 0.0 if started is None else time.monotonic() - started

    async def parse(self, texts: Sequence[str]) -> list[Result]:
        """Parse results, in order. Raises ApiError 503 at once if the queue is full, and 422 or 413 for more texts or
        characters than the queue could ever hold."""
        jobs = self._enqueue(texts)
        if len(jobs) == 1:
            return [await jobs[0][1]]
        return list(await asyncio.gather(*(future for _, future in jobs)))

    def _enqueue(self, texts: Sequence[str]) -> list[_Job]:
        limit, character_limit = self._settings.max_waiting, self._settings.max_waiting_characters
        characters = sum(map(len, texts))
        if len(texts) > limit or characters > character_limit:
            message = _(
                "One request takes at most {texts} texts with {characters} characters in all; split it.",
                texts=limit,
                characters=character_limit,
            )
            raise ApiError(422 if len(texts) > limit else 413, "too_much", message)
        loop = asyncio.get_running_loop()
        jobs: list[_Job] = [(text, loop.create_future()) for text in texts]
        with self._changed:
            if len(self._jobs) + len(texts) > limit or self._characters + characters > character_limit:
                raise busy_error()
            self._jobs.extend(jobs)
            self._characters += characters
            self._changed.notify()
        return jobs

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Parses batches in the thread until stopped."""
        while batch := self._take():
            texts = [text for text, _ in batch]
            self._on_batch(texts, len(self._jobs))
            self._batch_started = time.monotonic()
            outcomes = _parse(self._model(), texts)
            self._batch_started = None
            with contextlib.suppress(RuntimeError):  # the event loop has ended, and with it every request
                loop.call_soon_threadsafe(_set_results, batch, outcomes)

    def _take(self) -> list[_Job]:
        """Waits for the next batch; empty once stopped."""
        batch: list[_Job] = []
        characters = 0
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._stopped)
            while self._jobs and not self._stopped and len(batch) < MAX_BATCH_TEXTS:
                if batch and characters + len(self._jobs[0][0]) > MAX_BATCH_CHARACTERS:
                    break
                batch.append(self._jobs.popleft())
                characters += len(batch[-1][0])
            self._characters -= characters
        return batch


def _set_results(batch: list[_Job], outcomes: Sequence[Result | Exception]) -> None:
    for (_text, future), outcome in zip(batch, outcomes, strict=True):
        if future.done():  # the client has disconnected
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


def _parse(model: Interpreter, texts: list[str]) -> Sequence[Result | Exception]:
    """The results; if one text makes the batch fail, every text is parsed alone."""
    try:
        return model.parse_batch(texts)
    except Exception as error:
        if len(texts) == 1:
            return [error]
    return [_parse(model, [text])[0] for text in texts]
