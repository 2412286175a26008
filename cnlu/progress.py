"""Progress on standard error: a bar on a terminal, lines in a file or a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from tqdm import tqdm

LINE_SECONDS = 30.0
"""Seconds between two lines, without a terminal."""
EPOCH_LINE_SECONDS = 1.0
"""Minimum seconds between two lines at the ends of epochs, because tiny data have a thousand epochs."""

_WITH_TOTAL = "{desc}: {percentage:.0f}% {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
_WITHOUT_TOTAL = "{desc}: {n_fmt} [{elapsed}, {rate_fmt}{postfix}]"


class Bar(tqdm):
    """A bar on a terminal."""

    def epoch_done(self) -> None:
        """The end of an epoch; a bar shows it anyway."""


class Lines:
    """The interface of a bar, as lines for a file or a pipe."""

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
        self._log(LINE_SECONDS)

    def set_postfix_str(self, postfix: str) -> None:
        self._postfix = postfix

    def set_description(self, desc: str) -> None:
        self.desc = desc

    def epoch_done(self) -> None:
        """The end of an epoch: logs a line."""
        self._log(EPOCH_LINE_SECONDS)

    def close(self) -> None:
        """Logs the last line, unless `leave` is False."""
        if self._leave and self.n != self._shown:
            self._log(0)

    def _log(self, seconds: float) -> None:
        now = time.monotonic()
        if now - self._logged_at < seconds:
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
            bar_format=_WITH_TOTAL if self.total else _WITHOUT_TOTAL,
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
    """A progress bar or lines that count `unit`s from `initial` up to `total` (None: unknown).

    `leave` keeps the last state visible, `delay` is the number of seconds before a bar appears, `quiet` shows nothing.
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
