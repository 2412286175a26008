"""One worker process: a model and an application on the shared socket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import sys
from functools import partial
from multiprocessing.connection import Connection

import uvicorn
from starlette.types import ASGIApp

from cnlu.errors import CnluError
from cnlu.i18n import use_language
from cnlu.server.app import build_app
from cnlu.server.batching import Batcher
from cnlu.server.metric_files import reserve_metric_files
from cnlu.server.metrics import Metrics
from cnlu.server.models import Models
from cnlu.server.protocol import bounded_protocol
from cnlu.server.settings import ServerSettings

READY = "ready"
"""The message that a worker sends its parent once it serves. A worker that cannot start sends the CnluError instead."""

ALIVE, STUCK = "alive", "stuck"
"""The heartbeats that follow: the event loop runs, and parsing does (ALIVE) or does not (STUCK)."""

HEARTBEAT_SECONDS = 1.0

SWITCH_INTERVAL = 0.0005
"""Seconds after which the parsing thread and the event loop yield the GIL; Python's 0.005 is slow under load."""

_MAX_OPEN_FILES = 65536


def run_worker(settings: ServerSettings, listening: socket.socket, parent: Connection) -> None:
    """Serves until SIGTERM. If it cannot start, it sends the reason to `parent` and exits with code 1."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and stops its workers in order
    use_language(settings.language)
    configure_log()
    _raise_open_files()
    sys.setswitchinterval(SWITCH_INTERVAL)
    reserve_metric_files()
    metrics = Metrics()
    try:
        models = Models(settings.model, metrics.on_load)
    except CnluError as error:
        parent.send(error)
        sys.exit(1)
    app = build_app(settings, models, metrics, partial(_send_heartbeats, parent, settings))
    _Server(_config(app, settings, metrics), parent).run(sockets=[listening])


def configure_log() -> None:
    """Logs one line per event to standard error; the libraries log only errors."""
    logging.basicConfig(format="%(asctime)s %(levelname)s [%(process)d] %(message)s", level=logging.INFO, force=True)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "asyncio"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("uvicorn.access").disabled = True


async def _send_heartbeats(parent: Connection, settings: ServerSettings, batcher: Batcher) -> None:
    os.set_blocking(parent.fileno(), False)  # a paused parent reads nothing and must not block its workers
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        with contextlib.suppress(OSError):
            parent.send(STUCK if batcher.busy_seconds > settings.parse_timeout else ALIVE)


class _Server(uvicorn.Server):
    """uvicorn's server, which reports when it is ready."""

    def __init__(self, config: uvicorn.Config, parent: Connection) -> None:
        super().__init__(config)
        self._parent = parent

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._parent.send(READY)


def _config(app: ASGIApp, settings: ServerSettings, metrics: Metrics) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=bounded_protocol(settings, metrics.on_refused),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=settings.stop_timeout,
    )


def _raise_open_files() -> None:
    """Every connection is an open file, and the usual limit of 1024 is quickly reached."""
    with contextlib.suppress(OSError, ValueError):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        limit = _MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_OPEN_FILES)
        if soft < limit:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
