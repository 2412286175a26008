"""What one server was started with: where it listens, what it serves, and its limits."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from cnlu.errors import UsageError

_TOKEN = re.compile(r"[\x21-\x7e]+")
"""What fits into a header: printable ASCII without spaces."""
HOST_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", re.IGNORECASE)
"""A name of the DNS, or one that a network gives; underscores stand in names of docker compose."""


@dataclass(frozen=True)
class ServerSettings:
    """Checked when built: raises UsageError for what cannot work."""

    model: Path
    host: str = "127.0.0.1"
    port: int = 5005
    """0 lets the system choose one."""
    workers: int = 1
    token: str | None = field(default=None, repr=False)
    annotate: Path | None = None
    """The YAML file that corrected sentences are appended to; None turns saving off."""
    fallback_threshold: float | None = None
    """As `threshold` of Rasa's FallbackClassifier; None and no ambiguity: no fallback at all."""
    ambiguity: float | None = None
    """As `ambiguity_threshold` of Rasa's FallbackClassifier."""
    log_texts: bool = False

    max_body: int = 1 << 20
    """Bytes of a request's body."""
    max_text: int = 2000
    """Characters of one text; a thousand take about a tenth of a second."""
    max_waiting: int = 256
    """Texts that wait in one worker, and so the most in one request; what comes beyond is refused at once."""
    max_waiting_characters: int = 20_000
    """The same in characters: about two seconds of work."""
    max_connections: int = 8000
    """Open connections of one worker."""
    read_timeout: float = 10.0
    """Seconds a client has to send the head of a request, and again for its body."""
    keep_alive: int = 65
    """Seconds an idle connection stays open; longer than the usual clients and proxies keep theirs."""
    stop_timeout: int = 15
    """Seconds that open requests have to finish when the server stops; longer than `read_timeout`."""

    allowed_hosts: tuple[str, ...] = ()
    """Names beside this machine's own and `host` that the server answers to, and whose pages may send to it."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise UsageError(f"--port is {self.port}; give a number from 0 to 65535.")
        for name in ("workers", "max_body", "max_text", "max_waiting", "max_waiting_characters"):
            value = getattr(self, name)
            if value < 1:
                raise UsageError(f"--{name.replace('_', '-')} is {value}; it must be at least 1.")
        if self.read_timeout <= 0:
            raise UsageError(f"--read-timeout is {self.read_timeout:g}; it must be more than 0 seconds.")
        for name in ("fallback_threshold", "ambiguity"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise UsageError(f"--{name.replace('_', '-')} is {share:g}; give a confidence from 0 to 1.")
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise UsageError("--token is empty or holds spaces or characters outside ASCII; choose another.")
        for name in self.allowed_hosts:
            if not HOST_NAME.fullmatch(name):
                raise UsageError(f"--allowed-host {name!r} is no host name; give one such as nlu.example.com, without "
                                 "scheme and port.")  # fmt: skip
        if self.max_text > self.max_waiting_characters:
            raise UsageError(
                f"--max-text ({self.max_text}) is above --max-waiting-characters ({self.max_waiting_characters}), "
                "so that such a text could never be parsed; raise the latter."
            )
