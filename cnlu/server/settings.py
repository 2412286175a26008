"""The settings of one server: where it listens, what it serves, and its limits."""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

from cnlu.config.setting import MAX_COUNT
from cnlu.errors import UsageError
from cnlu.i18n import _

_TOKEN = re.compile(r"[\x21-\x7e]+")
"""What a header can carry: printable ASCII without spaces."""
HOST_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", re.IGNORECASE)
"""A DNS name, or a name of a local network; docker compose uses underscores."""

_SECONDS = (0.1, 86_400)
RANGES: dict[str, tuple[float, float]] = {
    "port": (0, 65_535),
    "workers": (1, 1024),
    "fallback_threshold": (0, 1),
    "ambiguity": (0, 1),
    "max_body": (1, MAX_COUNT),
    "max_text": (1, MAX_COUNT),
    "max_bodies": (1, MAX_COUNT),
    "max_waiting": (1, MAX_COUNT),
    "max_waiting_characters": (1, MAX_COUNT),
    "max_connections": (1, MAX_COUNT),
    "read_timeout": _SECONDS,
    "write_timeout": _SECONDS,
    "keep_alive": _SECONDS,
    "parse_timeout": _SECONDS,
    "silence_timeout": _SECONDS,
    "stop_timeout": _SECONDS,
}
"""The lowest and highest value of every number; both are finite, so NaN and infinity are rejected."""


@dataclass(frozen=True)
class ServerSettings:
    """The settings of a server; raises UsageError for values that cannot work."""

    model: Path
    _: KW_ONLY
    host: str = "127.0.0.1"
    port: int = 5005
    """0 lets the system choose a free port."""
    workers: int = 1
    token: str | None = field(default=None, repr=False)
    annotate: Path | None = None
    """The YAML file to which corrected sentences are appended; None turns saving off."""
    fallback_threshold: float | None = None
    """`threshold` of Rasa's FallbackClassifier; without it and `ambiguity` there is no fallback."""
    ambiguity: float | None = None
    """`ambiguity_threshold` of Rasa's FallbackClassifier."""
    log_texts: bool = False
    language: str | None = None
    """Language of messages and of the playground, as chosen by the operator; None leaves both to the environment."""

    max_body: int = 1 << 20
    """Bytes of a request's body."""
    max_text: int = 2000
    """Characters of one text; a thousand take about a tenth of a second."""
    max_bodies: int = 64 << 20
    """Bytes of all request bodies that one worker holds at a time, not counting the first 4 KiB of each."""
    max_waiting: int = 256
    """Texts that wait in one worker, and so the limit of one request; more are refused at once."""
    max_waiting_characters: int = 20_000
    """The same in characters: about two seconds of work."""
    max_connections: int = 8000
    """Open connections that one worker serves; further ones get a 503, and beyond twice as many they are closed."""
    read_timeout: float = 10.0
    """Seconds a client has to send the head of a request, and again to send its body."""
    write_timeout: float = 30.0
    """Seconds that a response may wait for its client to read it."""
    keep_alive: float = 65.0
    """Seconds from a response to the next request's first byte; longer than common clients and proxies wait."""
    parse_timeout: float = 60.0
    """Seconds that parsing one batch may take before the worker counts as hung and is replaced."""
    silence_timeout: float = 15.0
    """Seconds without a heartbeat after which a worker counts as hung and is replaced."""
    stop_timeout: int = 15
    """Seconds that open requests have to finish when the server stops; longer than `read_timeout`."""

    allowed_hosts: tuple[str, ...] = ()
    """Further host names that the server answers to, and whose pages may send requests to it."""

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:  # written so that NaN fails as well
                problem = _("{value} is out of range", value=value)
                fix = _("give a number from {low} to {high}", low=low, high=high)
                raise UsageError(_option(name), problem, fix)
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise UsageError("--token", _("is empty or has spaces or characters outside ASCII"), _("choose another"))
        for name in self.allowed_hosts:
            if not HOST_NAME.fullmatch(name):
                fix = _("give a name such as nlu.example.com, without scheme and port")
                raise UsageError("--allowed-host", _("{name} is not a host name", name=repr(name)), fix)
        self._check_total("max_text", "max_waiting_characters")
        self._check_total("max_body", "max_bodies")

    def _check_total(self, name: str, total: str) -> None:
        """Raises UsageError if the limit of one item is above the limit of all together."""
        value, limit = getattr(self, name), getattr(self, total)
        if value > limit:
            option = _option(total)
            problem = _("{value} is above {option} ({limit})", value=value, option=option, limit=limit)
            raise UsageError(_option(name), problem, _("raise {option}", option=option))


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
