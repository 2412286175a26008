"""The model that is served. When its directory changes, the new model is loaded and then replaces the old one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cnlu
from cnlu.errors import CnluError
from cnlu.runtime.interpreter import Interpreter

POLL_SECONDS = 1.0
"""Interval at which the model directory is checked for changes."""

Snapshot = tuple[tuple[object, ...], ...]
"""Name, inode, size and modification time of every file in the directory."""

_log = logging.getLogger("cnlu.server")


@dataclass(frozen=True)
class LoadedModel:
    """A model in service."""

    interpreter: Interpreter
    name: str
    """The start of the manifest's checksum, which identifies the model."""


class Models:
    """Holds the current model; `watch` replaces it. A request keeps the model that it started with."""

    def __init__(self, path: Path, on_load: Callable[[str], None] = lambda outcome: None) -> None:
        """Loads the model; raises CnluError if that fails. `on_load` is called with "swapped" or "refused"."""
        self.path = path
        self._last_snapshot = snapshot(path)
        self.current = load(path)
        self._on_load = on_load
        self._refusal = ""

    async def watch(self) -> None:
        """Polls the directory until cancelled; never raises because of a broken model."""
        previous = self._last_snapshot
        while True:
            await asyncio.sleep(POLL_SECONDS)
            current = snapshot(self.path)
            # Unchanged for one interval: files that are copied one by one are complete.
            if current == previous and current != self._last_snapshot:
                await self._replace(current)
            previous = current

    async def _replace(self, current_snapshot: Snapshot) -> None:
        self._last_snapshot = current_snapshot
        try:
            new = await asyncio.to_thread(load, self.path)
        except Exception as error:
            self._on_load("refused")
            reason = str(error) if isinstance(error, CnluError) else type(error).__name__
            if reason != self._refusal:
                _log.warning("the new model is refused and model %s keeps serving: %s", self.current.name, reason)
            self._refusal = reason
            return
        self._refusal = ""
        if new.name != self.current.name:
            _log.warning("model %s replaces model %s", new.name, self.current.name)
            self._on_load("swapped")
        self.current = new


def load(path: Path) -> LoadedModel:
    """Loads the model and warms it up; raises CnluError if the directory holds no complete model."""
    interpreter = cnlu.load(path)
    interpreter.parse("你好")  # warm-up: the first parse loads jieba's dictionary, which takes a second
    return LoadedModel(interpreter, interpreter.digest[:12])


def snapshot(path: Path) -> Snapshot:
    """The directory's files as they are now; empty if it does not exist."""
    files = []
    with contextlib.suppress(OSError):
        for entry in sorted(os.scandir(os.path.realpath(path)), key=lambda entry: entry.name):
            status = entry.stat()
            files.append((entry.name, status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(files)
