"""Helpers of the server's tests: a real server process on a free port, and raw connections to it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.places import PYTHONPATH

PATIENCE = 240.0  # seconds: a busy machine may take that long for a momentary task


_WITH_SETTINGS = """
import json, sys
from pathlib import Path
from cnlu.server.serve import serve
from cnlu.server.settings import ServerSettings
sys.exit(serve(ServerSettings(Path(sys.argv[1]), port=0, **json.loads(sys.argv[2]))))
"""


class Server:
    """A running `cnlu serve` and its log so far."""

    def __init__(
        self,
        *arguments: object,
        cwd: Path,
        settings: dict[str, object] | None = None,
        path: Path | None = None,
        **environment: str,
    ) -> None:
        """Start the server with command-line arguments, or with `settings`, which include those without an option.

        Modules in `path` are imported before all others, for example a sitecustomize for all its processes.
        """
        command = [sys.executable, "-m", "cnlu", "serve", *map(str, arguments), "--port", "0"]
        if settings is not None:
            command = [sys.executable, "-c", _WITH_SETTINGS, str(arguments[0]), json.dumps(settings)]
        env = {
            **os.environ,
            "PYTHONPATH": f"{path}:{PYTHONPATH}" if path else PYTHONPATH,
            "PYTHONIOENCODING": "utf-8",
            **environment,
        }
        self.process = subprocess.Popen(command, cwd=cwd, env=env, stderr=subprocess.PIPE, encoding="utf-8")
        self.lines: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()
        self.url = self.wait_for(r"serving at (http://\S+)")[1]
        self.host, port = self.url.removeprefix("http://").rsplit(":", 1)
        self.port = int(port)
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False)

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)

    @property
    def log(self) -> str:
        return "".join(self.lines)

    def wait_for(self, pattern: str, patience: float = PATIENCE) -> re.Match[str]:
        """The first line of the log in which the pattern is found."""
        match = wait_until(lambda: re.search(pattern, self.log) or self.process.poll() is not None, patience)
        assert isinstance(match, re.Match), f"no {pattern!r} in the log:\n{self.log}"
        return match

    def workers(self) -> list[int]:
        """Process ids of the workers, as the system sees them."""
        import psutil

        workers = []
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):  # it has just ended
                if "spawn_main" in " ".join(child.cmdline()):
                    workers.append(child.pid)
        return workers

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE)


def connect(server: Server) -> socket.socket:
    return socket.create_connection((server.host, server.port), timeout=PATIENCE)


def read_all(connection: socket.socket) -> bytes:
    """Everything that the server sends until it closes the connection."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def wait_until(condition: Callable[[], object], patience: float = PATIENCE) -> object:
    """The first true result of the condition; fails if there is none in time."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.05)
    pytest.fail("it did not happen in time")


@contextlib.contextmanager
def running(*arguments: object, cwd: Path, **options: Any) -> Iterator[Server]:
    server = Server(*arguments, cwd=cwd, **options)
    try:
        yield server
    finally:
        server.client.close()
        if server.process.poll() is None:
            server.stop()
