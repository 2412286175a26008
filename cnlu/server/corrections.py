"""Corrections: reading the example from a request, and the thread that appends queued examples to the file.

Nothing else runs in that thread, so neither metrics nor a new model wait for it; parsing has a thread of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cnlu.data.schema import Entity, Example
from cnlu.i18n import _
from cnlu.server.annotate import AnnotatedFile
from cnlu.server.request_limits import check_fields, check_text
from cnlu.server.responses import ApiError, busy_error
from cnlu.server.settings import ServerSettings

_FIELDS = ("text", "intent", "entities")
_ENTITY_FIELDS = ("start", "end", "entity", "value", "role", "group")
_MAX_NAME = 200


class Corrections:
    """A queue of examples to append to the file; used in the event loop only."""

    def __init__(self, file: AnnotatedFile, max_queued: int) -> None:
        self._file, self._max_queued = file, max_queued
        self._thread = ThreadPoolExecutor(1, "annotate")
        self._queue: list[tuple[Example, asyncio.Future[None]]] = []
        self._queued = 0
        self._writing: asyncio.Task[None] | None = None

    async def save(self, example: Example) -> None:
        """Returns once the file holds the example. Raises ApiError 503 if the queue is full, else as `add`."""
        if self._queued >= self._max_queued:
            raise busy_error()
        self._queued += 1
        try:
            saved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._queue.append((example, saved))
            if self._writing is None or self._writing.done():
                self._writing = asyncio.create_task(self._write())
            await saved
        finally:
            self._queued -= 1

    async def _write(self) -> None:
        """Empties the queue; examples that arrive during a write share the next one."""
        while self._queue:
            batch, self._queue = self._queue, []
            examples = [example for example, _ in batch]
            outcomes: Sequence[Exception | None]
            try:
                outcomes = await asyncio.get_running_loop().run_in_executor(self._thread, self._file.add, examples)
            except Exception as error:
                outcomes = [error] * len(batch)
            for (_example, saved), outcome in zip(batch, outcomes, strict=True):
                if saved.done():  # the client has disconnected
                    continue
                if outcome is None:
                    saved.set_result(None)
                else:
                    saved.set_exception(outcome)


def read_example(content: dict[str, Any], settings: ServerSettings) -> Example:
    """The example in a request's body; raises ApiError 422."""
    check_fields(content, _FIELDS)
    text = check_text(content.get("text"), settings)
    intent = _name(content.get("intent"), "intent")
    written = content.get("entities", [])
    if not isinstance(written, list) or len(written) > len(text):
        raise _invalid(_('"entities" must be a list, with no more entries than the text has characters.'))
    entities = sorted((_entity(entity, text) for entity in written), key=lambda annotated: annotated.start)
    return Example(text, intent, tuple(entities), source=_("this sentence"))


def _entity(written: Any, text: str) -> Entity:
    if not isinstance(written, dict):
        raise _invalid(_('Each of "entities" must be an object.'))
    check_fields(written, _ENTITY_FIELDS)
    start, end = written.get("start"), written.get("end")
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        raise _invalid(_('"start" and "end" of an entity must be offsets in the text, counted in characters.'))
    value = written.get("value", text[start:end])
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_NAME:
        raise _invalid(_('"value" of an entity must be a string of 1 to {limit} characters.', limit=_MAX_NAME))
    extra = {name: _name(written[name], name) for name in ("role", "group") if written.get(name) is not None}
    return Entity(
        start=start,
        end=end,
        entity=_name(written.get("entity"), "entity"),
        value=value,
        role=extra.get("role"),
        group=extra.get("group"),
    )


def _name(written: Any, field: str) -> str:
    if not isinstance(written, str) or not written.strip() or len(written) > _MAX_NAME:
        raise _invalid(_('"{field}" must be a string of 1 to {limit} characters.', field=field, limit=_MAX_NAME))
    return written


def _invalid(message: str) -> ApiError:
    return ApiError(422, "invalid", message)
