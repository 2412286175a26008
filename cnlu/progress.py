"""Progress of long steps on standard error: a bar on a terminal, lines in a file or a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from tqdm import tqdm

EVERY = 30.0
"""Seconds between two lines where there is no terminal."""
SHORT_PASS = 1.0
"""Minimum seconds between two lines at the ends of passes: tiny data have a thousand passes."""

_KNOWN = "{desc}: {percentage:.0f}% {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
_UNKNOWN = "{desc}: {n_fmt} [{elapsed}, {rate_fmt}{postfix}]"


class Bar(tqdm):
    """A bar on a terminal."""

    def passed(self) -> None:
        """The end of a pass, which a bar shows anyway."""


class Lines:
    """The same as complete lines, for a file or a pipe."""

    def __init__(
        self, *, total: int | None, desc: str, unit: str, unit_scale: bool, initial: int, leave: bool = True
    ) -> None:
        self.n, self.total, self.desc, self._leave = initial, total, desc, leave
        self._initial, self._unit, self._scale = initial, unit, unit_scale
        self._postfix = ""
        self._began = self._logged_at = time.monotonic()
        self._shown: int | None = None

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def update(self, n: int = 1) -> None:
        self.n += n
        self._log(EVERY)

    def set_postfix_str(self, postfix: str) -> None:
        self._postfix = postfix

    def set_description(self, desc: str) -> None:
        self.desc = desc

    def passed(self) -> None:
        """The end of a pass."""
        self._log(SHORT_PASS)

    def close(self) -> None:
        """A step ends with a line, unless it should leave none."""
        if self._leave and self.n != self._shown:
            self._log(0)

    def _log(self, after: float) -> None:
        now = time.monotonic()
        if now - self._logged_at < after:
            return
        self._logged_at, self._shown = now, self.n
        line = tqdm.format_meter(
            self.n,
            self.total,
            now - self._began,
            prefix=self.desc,
            unit=self._unit,
            unit_scale=self._scale,
            postfix=self._postfix,
            initial=self._initial,
            bar_format=_KNOWN if self.total else _UNKNOWN,
        )
        print(line, file=sys.stderr, flush=True)


def progress(
    desc: str,
    total: int | None,
    unit: str,
    *,
    initial: int = 0,
    scale: bool = True,
    leave: bool = True,
    delay: float = 0,
    quiet: bool = False,
) -> Bar | Lines:
    """Counts `unit`s up to `total` (None: unknown), from `initial`; `quiet` shows nothing.

    `leave`: the last state stays visible; `delay`: seconds before a bar appears.
    """
    if quiet or sys.stderr is None or sys.stderr.isatty():
        return Bar(
            total=total,
            desc=desc,
            unit=unit,
            initial=initial,
            unit_scale=scale,
            dynamic_ncols=True,
            leave=leave,
            delay=delay,
            disable=quiet or sys.stderr is None,
        )
    return Lines(total=total, desc=desc, unit=unit, unit_scale=scale, initial=initial, leave=leave)


def log_above(log: Callable[[str], None], line: str) -> None:
    """Logs a line above the bars."""
    with tqdm.external_write_mode(sys.stderr):
        log(line)


def no_log(line: str) -> None:
    """A log that drops every line."""
