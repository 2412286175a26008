"""Corrections: the example of a request's body, and the thread that appends those that wait, together.

The thread is theirs alone: neither figures nor a new model wait for it, and parsing has its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cnlu.data.schema import Entity, Example
from cnlu.server.annotate import SOURCE, AnnotatedFile
from cnlu.server.request_limits import check_fields, check_text
from cnlu.server.responses import ApiError, busy
from cnlu.server.settings import ServerSettings

_FIELDS = ("text", "intent", "entities")
_ENTITY_FIELDS = ("start", "end", "entity", "value", "role", "group")
_MOST_NAME = 200


class Corrections:
    """What waits to be appended to the file; used on the event loop alone."""

    def __init__(self, file: AnnotatedFile, most: int) -> None:
        """At most so many wait."""
        self._file, self._most = file, most
        self._thread = ThreadPoolExecutor(1, "annotate")
        self._waiting: list[tuple[Example, asyncio.Future[None]]] = []
        self._open = 0
        self._writing: asyncio.Task[None] | None = None

    async def save(self, example: Example) -> None:
        """Returns when the file has it; raises ApiError 503 when too many wait, else as `AnnotatedFile.add` says."""
        if self._open >= self._most:
            raise busy()
        self._open += 1
        try:
            saved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((example, saved))
            if self._writing is None or self._writing.done():
                self._writing = asyncio.create_task(self._write())
            await saved
        finally:
            self._open -= 1

    async def _write(self) -> None:
        """Appends until none waits; those that came while the file was written share the next writing."""
        while self._waiting:
            batch, self._waiting = self._waiting, []
            examples = [example for example, _ in batch]
            outcomes: Sequence[Exception | None]
            try:
                outcomes = await asyncio.get_running_loop().run_in_executor(self._thread, self._file.add, examples)
            except Exception as error:
                outcomes = [error] * len(batch)
            for (_, saved), outcome in zip(batch, outcomes, strict=True):
                if saved.done():  # the client went away meanwhile
                    continue
                if outcome is None:
                    saved.set_result(None)
                else:
                    saved.set_exception(outcome)


def read_example(content: dict[str, Any], settings: ServerSettings) -> Example:
    """The example of a request's body; raises ApiError 422."""
    check_fields(content, _FIELDS)
    text = check_text(content.get("text"), settings)
    intent = _name(content.get("intent"), "intent")
    written = content.get("entities", [])
    if not isinstance(written, list) or len(written) > len(text):
        raise _invalid('"entities" must be a list, with no more entries than the text has characters.')
    entities = sorted((_entity(one, text) for one in written), key=lambda entity: entity.start)
    return Example(text, intent, tuple(entities), source=SOURCE)


def _entity(written: Any, text: str) -> Entity:
    if not isinstance(written, dict):
        raise _invalid('Each of "entities" must be an object.')
    check_fields(written, _ENTITY_FIELDS)
    start, end = written.get("start"), written.get("end")
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        raise _invalid('"start" and "end" of an entity must be places in the text, counted in characters.')
    value = written.get("value", text[start:end])
    if not isinstance(value, str) or not 0 < len(value) <= _MOST_NAME:
        raise _invalid(f'"value" of an entity must be a string of 1 to {_MOST_NAME} characters.')
    extra = {name: _name(written[name], name) for name in ("role", "group") if written.get(name) is not None}
    return Entity(start, end, _name(written.get("entity"), "entity"), value, extra.get("role"), extra.get("group"))


def _name(written: Any, what: str) -> str:
    if not isinstance(written, str) or not written.strip() or len(written) > _MOST_NAME:
        raise _invalid(f'"{what}" must be a string of 1 to {_MOST_NAME} characters.')
    return written


def _invalid(message: str) -> ApiError:
    return ApiError(422, "invalid", message)
