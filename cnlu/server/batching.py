"""Texts of requests that arrive together share one `parse_batch`, in a thread beside the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cnlu.runtime.interpreter import Interpreter
from cnlu.server.answers import ApiError, busy
from cnlu.server.settings import ServerSettings

MOST_TEXTS = 32
MOST_CHARACTERS = 2048
"""One batch ends here, so that short texts do not wait long for others."""

Result = dict[str, Any]
_Job = tuple[str, "asyncio.Future[Result]"]


class Batcher:
    """A bounded queue and the one thread that empties it.

    While a batch is parsed the next one gathers: nobody waits for a batch to fill.
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
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parse")

    async def parse(self, texts: Sequence[str]) -> list[Result]:
        """Parse results in order; raises ApiError 503 at once when the queue is full, 413 when it never could."""
        jobs = self._enqueue(texts)
        if len(jobs) == 1:
            return [await jobs[0][1]]
        return list(await asyncio.gather(*(future for _, future in jobs)))

    async def run(self) -> None:
        """Parses until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._arrived.wait()
                batch = self._take()
                texts = [text for text, _ in batch]
                self._on_batch(texts, len(self._jobs))
                answers = await loop.run_in_executor(self._thread, _parse, self._model(), texts)
                for (_, future), found in zip(batch, answers, strict=True):
                    _settle(future, found)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _enqueue(self, texts: Sequence[str]) -> list[_Job]:
        most, most_characters = self._settings.max_waiting, self._settings.max_waiting_characters
        characters = sum(map(len, texts))
        if len(texts) > most or characters > most_characters:
            raise ApiError(
                413, "too_large",
                f"One request takes at most {most} texts of together {most_characters} characters; divide it.",
            )  # fmt: skip
        if len(self._jobs) + len(texts) > most or self._characters + characters > most_characters:
            raise busy()
        loop = asyncio.get_running_loop()
        jobs: list[_Job] = [(text, loop.create_future()) for text in texts]
        self._jobs.extend(jobs)
        self._characters += characters
        if self._jobs:
            self._arrived.set()
        return jobs

    def _take(self) -> list[_Job]:
        batch: list[_Job] = []
        characters = 0
        while self._jobs and len(batch) < MOST_TEXTS:
            text, future = self._jobs[0]
            if batch and characters + len(text) > MOST_CHARACTERS:
                break
            self._jobs.popleft()
            characters += len(text)
            self._characters -= len(text)
            if not future.cancelled():
                batch.append((text, future))
        if not self._jobs:
            self._arrived.clear()
        return batch


def _settle(future: asyncio.Future[Result], found: Result | Exception) -> None:
    if future.done():  # the client went away meanwhile
        return
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
