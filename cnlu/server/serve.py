"""The parent process: binds the socket, runs the workers and stops them on a signal."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator

from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu.server.annotate import check_file
from cnlu.server.metric_files import metrics_folder
from cnlu.server.settings import ServerSettings
from cnlu.server.supervisor import Supervisor
from cnlu.server.worker import configure_log

BACKLOG = 2048
_SEND_BUFFER = 128 << 10
"""Bytes that the kernel may buffer for a client that does not read; its default grows to megabytes."""
_log = logging.getLogger("cnlu.server")


def serve(settings: ServerSettings) -> int:
    """Serves until SIGTERM or Ctrl-C and returns 0. Raises CnluError if it cannot start."""
    if settings.annotate is not None:
        check_file(settings.annotate)
    configure_log()
    with _bind(settings) as listening, metrics_folder() as folder:
        supervisor = Supervisor(settings, listening, folder)
        with _signals() as stop:
            try:
                supervisor.start(stop)
                if not stop:
                    _announce(settings, listening)
                while not stop:
                    supervisor.supervise()
            finally:
                listening.close()  # otherwise new connections would wait in vain
                supervisor.stop()
    _log.info("stopped")
    return 0


@contextlib.contextmanager
def _bind(settings: ServerSettings) -> Iterator[socket.socket]:
    try:
        family, _kind, _protocol, _name, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.create_server(address, family=family, backlog=BACKLOG)
    except (OSError, UnicodeError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"{settings.host}:{settings.port}",
            _("cannot listen there ({reason})", reason=reason),
            _("choose another --host or --port"),
        ) from None
    with listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)  # connections inherit it
        yield listening


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """Yields a list to which SIGTERM and SIGINT append their numbers."""
    received: list[int] = []
    previous = {
        number: signal.signal(number, lambda number, frame: received.append(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _announce(settings: ServerSettings, listening: socket.socket) -> None:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    workers = "1 worker" if settings.workers == 1 else f"{settings.workers} workers"
    _log.info("serving at http://%s:%d (%s); Ctrl-C stops it", shown, port, workers)
    if settings.token is None and not (host.startswith("127.") or host == "::1"):
        _log.warning("no --token is set: anyone who can reach %s:%d may use this server", shown, port)
    with contextlib.suppress(OSError):  # a broken log must not stop the server
        sys.stderr.flush()
