"""One worker process: a model, an application, a share of the socket."""

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
from cnlu.server.app import build_app
from cnlu.server.batching import Batcher
from cnlu.server.metric_files import reserve_metric_files
from cnlu.server.metrics import Metrics
from cnlu.server.models import Models
from cnlu.server.protocol import bounded
from cnlu.server.settings import ServerSettings

READY = ""
"""What a worker tells its parent when it serves; anything else is a sentence that says why it does not."""

SWITCH = 0.0005
"""Seconds that the parsing thread and the event loop wait for each other at most; Python's 0.005 is felt under load."""

_MOST_FILES = 65536


ALIVE, STUCK = "alive", "stuck"
"""What it tells its parent each second from then on: that its event loop turns, and whether parsing does."""

BEAT = 1.0


def work(settings: ServerSettings, listening: socket.socket, tell: Connection) -> None:
    """Serves until told to stop by SIGTERM; ends with exit code 1 after telling why it cannot begin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which stops its workers in order
    configure_log()
    _raise_open_files()
    sys.setswitchinterval(SWITCH)
    reserve_metric_files()
    metrics = Metrics()
    try:
        models = Models(settings.model, metrics.on_load)
    except CnluError as error:
        tell.send(str(error))
        sys.exit(1)
    app = build_app(settings, models, metrics, partial(_beat, tell, settings))
    _Server(_config(app, settings, metrics), tell).run(sockets=[listening])


def configure_log() -> None:
    """One line an event, on standard error; what the libraries say only when it is an error."""
    logging.basicConfig(format="%(asctime)s %(levelname)s [%(process)d] %(message)s", level=logging.INFO, force=True)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "asyncio"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("uvicorn.access").disabled = True


async def _beat(tell: Connection, settings: ServerSettings, batcher: Batcher) -> None:
    os.set_blocking(tell.fileno(), False)  # a parent that is paused reads nothing, and must not pause its workers
    while True:
        await asyncio.sleep(BEAT)
        with contextlib.suppress(OSError):
            tell.send(STUCK if batcher.busy_for > settings.parse_timeout else ALIVE)


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it serves."""

    def __init__(self, config: uvicorn.Config, tell: Connection) -> None:
        super().__init__(config)
        self._tell = tell

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._tell.send(READY)


def _config(app: ASGIApp, settings: ServerSettings, metrics: Metrics) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=bounded(settings, metrics.on_refused),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=settings.stop_timeout,
    )


def _raise_open_files() -> None:
    """Every connection is an open file, and the usual limit of 1024 is soon met."""
    with contextlib.suppress(OSError, ValueError):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
        if soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
