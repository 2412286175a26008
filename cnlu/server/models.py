"""The model that is served, and its successor: a new directory is loaded beside the old one, then put in its place."""

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

EVERY = 1.0
"""Seconds between two looks at the model directory."""

Look = tuple[tuple[object, ...], ...]
"""Name, inode, size and time of every file of the directory."""

_log = logging.getLogger("cnlu.server")


@dataclass(frozen=True)
class Loaded:
    """A model at work."""

    interpreter: Interpreter
    name: str
    """The beginning of its manifest's checksum: tells two models apart and nothing else."""


class Models:
    """Holds the current model; `watch` replaces it. A request that has begun keeps the one it began with."""

    def __init__(self, path: Path, on_load: Callable[[str], None] = lambda outcome: None) -> None:
        """Loads the model; raises CnluError when there is none that works. `on_load` hears "swapped" or "refused"."""
        self.path = path
        self._tried = look(path)
        self.current = load(path)
        self._on_load = on_load
        self._refused = ""

    async def watch(self) -> None:
        """Looks at the directory until cancelled; never raises for what is wrong with a model."""
        seen = self._tried
        while True:
            await asyncio.sleep(EVERY)
            now = look(self.path)
            # Twice the same: whoever copies files there one by one has finished.
            if now == seen and now != self._tried:
                await self._replace(now)
            seen = now

    async def _replace(self, now: Look) -> None:
        self._tried = now
        try:
            fresh = await asyncio.to_thread(load, self.path)
        except Exception as error:
            self._on_load("refused")
            told = str(error) if isinstance(error, CnluError) else type(error).__name__
            if told != self._refused:
                _log.warning("the new model is refused and model %s keeps serving: %s", self.current.name, told)
            self._refused = told
            return
        self._refused = ""
        if fresh.name != self.current.name:
            _log.warning("model %s replaces model %s", fresh.name, self.current.name)
            self._on_load("swapped")
        self.current = fresh


def load(path: Path) -> Loaded:
    """Raises CnluError for a directory without a whole model."""
    interpreter = cnlu.load(path)
    interpreter.parse("你好")  # the first parse loads the words' dictionary, which takes a second
    return Loaded(interpreter, interpreter.digest[:12])


def look(path: Path) -> Look:
    """What the directory holds right now; empty when it is not there."""
    found = []
    with contextlib.suppress(OSError):
        for entry in sorted(os.scandir(os.path.realpath(path)), key=lambda entry: entry.name):
            status = entry.stat()
            found.append((entry.name, status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)
