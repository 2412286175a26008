"""What one server was started with: where it listens, what it serves, and its limits."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from cnlu.config.setting import MANY
from cnlu.errors import UsageError

_TOKEN = re.compile(r"[\x21-\x7e]+")
"""What fits into a header: printable ASCII without spaces."""
HOST_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", re.IGNORECASE)
"""A name of the DNS, or one that a network gives; underscores stand in names of docker compose."""

_SECONDS = (0.1, 86_400)
RANGES: dict[str, tuple[float, float]] = {
    "port": (0, 65_535),
    "workers": (1, 1024),
    "fallback_threshold": (0, 1),
    "ambiguity": (0, 1),
    "max_body": (1, MANY),
    "max_text": (1, MANY),
    "max_bodies": (1, MANY),
    "max_waiting": (1, MANY),
    "max_waiting_characters": (1, MANY),
    "max_connections": (1, MANY),
    "read_timeout": _SECONDS,
    "write_timeout": _SECONDS,
    "keep_alive": _SECONDS,
    "parse_timeout": _SECONDS,
    "silence_timeout": _SECONDS,
    "stop_timeout": _SECONDS,
}
"""The least and the greatest value of every number; both finite, so that no NaN and no infinity passes."""


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
    max_bodies: int = 64 << 20
    """Bytes of all requests' bodies that one worker holds at a time, beside the first 4 KiB of each."""
    max_waiting: int = 256
    """Texts that wait in one worker, and so the most in one request; what comes beyond is refused at once."""
    max_waiting_characters: int = 20_000
    """The same in characters: about two seconds of work."""
    max_connections: int = 8000
    """Open connections of one worker that are served; those beyond are answered 503, beyond twice that many closed."""
    read_timeout: float = 10.0
    """Seconds a client has to send the head of a request, and again for its body."""
    write_timeout: float = 30.0
    """Seconds an answer may wait until its client reads it."""
    keep_alive: float = 65.0
    """Seconds from an answer to the next request's first byte; longer than the usual clients and proxies wait."""
    parse_timeout: float = 60.0
    """Seconds that one batch of texts may take to parse; then the worker counts as hung and is replaced."""
    silence_timeout: float = 15.0
    """Seconds that a worker may not answer its parent; then it counts as hung and is replaced."""
    stop_timeout: int = 15
    """Seconds that open requests have to finish when the server stops; longer than `read_timeout`."""

    allowed_hosts: tuple[str, ...] = ()
    """Names beside this machine's own and `host` that the server answers to, and whose pages may send to it."""

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:  # so that NaN is refused too
                raise UsageError(f"--{name.replace('_', '-')} is {value}; give a number from {low} to {high}.")
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise UsageError("--token is empty or holds spaces or characters outside ASCII; choose another.")
        for name in self.allowed_hosts:
            if not HOST_NAME.fullmatch(name):
                raise UsageError(
                    f"--allowed-host {name!r} is no host name; give one such as nlu.example.com, without "
                    "scheme and port."
                )
        if self.max_text > self.max_waiting_characters:
            raise UsageError(
                f"--max-text ({self.max_text}) is above --max-waiting-characters ({self.max_waiting_characters}), "
                "so that such a text could never be parsed; raise the latter."
            )
        if self.max_body > self.max_bodies:
            raise UsageError(
                f"--max-body ({self.max_body}) is above --max-bodies ({self.max_bodies}), so that such a body could "
                "never be read; raise the latter."
            )
