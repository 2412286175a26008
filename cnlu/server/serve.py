"""The parent of the workers: binds the socket, starts them, replaces the dead, stops them in order."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator

from cnlu.errors import UsageError
from cnlu.server.annotate import check_file
from cnlu.server.metric_files import metrics_folder
from cnlu.server.settings import ServerSettings
from cnlu.server.supervisor import Supervisor
from cnlu.server.worker import configure_log

BACKLOG = 2048
_SEND_BUFFER = 128 << 10
"""Bytes of answers that the system may hold for a client that does not read; its own choice goes to megabytes."""
_log = logging.getLogger("cnlu.server")


def serve(settings: ServerSettings) -> int:
    """Serves until SIGTERM or Ctrl-C and returns 0. Raises CnluError when it cannot begin."""
    if settings.annotate is not None:
        check_file(settings.annotate)
    configure_log()
    with _bound(settings) as listening, metrics_folder() as folder:
        workers = Supervisor(settings, listening, folder)
        with _signals() as stop:
            try:
                workers.start(stop)
                if not stop:
                    _announce(settings, listening)
                while not stop:
                    workers.supervise()
            finally:
                listening.close()  # or what arrives from now on would wait in vain
                workers.stop()
    _log.info("stopped")
    return 0


@contextlib.contextmanager
def _bound(settings: ServerSettings) -> Iterator[socket.socket]:
    place = f"{settings.host}:{settings.port}"
    try:
        family, *_, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.create_server(address, family=family, backlog=BACKLOG)
    except (OSError, UnicodeError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{place}: cannot listen there ({reason}); choose another --host or --port.") from None
    with listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)  # connections inherit it
        yield listening


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """A list that SIGTERM and SIGINT put themselves into."""
    heard: list[int] = []
    before = {
        number: signal.signal(number, lambda number, frame: heard.append(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _announce(settings: ServerSettings, listening: socket.socket) -> None:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    many = "1 worker" if settings.workers == 1 else f"{settings.workers} workers"
    _log.info("serving at http://%s:%d (%s); Ctrl-C stops it", shown, port, many)
    if settings.token is None and not (host.startswith("127.") or host == "::1"):
        _log.warning("no --token is set: whoever reaches %s:%d may use this server", shown, port)
    with contextlib.suppress(OSError):  # a log that cannot be written must not keep the server from serving
        sys.stderr.flush()
