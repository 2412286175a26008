"""What an action server takes from outside: where its files lie, what time it is, in which time zone."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cnlu.errors import UsageError

DATA = "CNLU_BOT_DATA"
"""The environment variable that names the folder of the timetable and the orders."""
NOW = "CNLU_BOT_NOW"
"""The environment variable that stops the clock at a moment such as 2026-03-12T15:00, for tests and demonstrations."""
ZONE = "CNLU_BOT_TIMEZONE"
"""The environment variable that names the time zone in which dates are meant; Asia/Shanghai unless told."""


def data_folder() -> Path:
    """Where the SQLite files lie: as the environment says, or in the user's data folder."""
    if named := os.environ.get(DATA):
        return Path(named)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "cnlu"


def zone() -> tzinfo:
    """Raises UsageError when the environment names no time zone."""
    name = os.environ.get(ZONE, "Asia/Shanghai")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        if name == "Asia/Shanghai":  # a system without a time zone database; this zone needs none
            return timezone(timedelta(hours=8), name)
        raise UsageError(f"{ZONE}={name}: is no time zone; name one as in Asia/Shanghai.") from error


def now() -> datetime:
    """The present, or the moment at which the environment stopped the clock; UsageError where that is no moment."""
    stopped = os.environ.get(NOW)
    if not stopped:
        return datetime.now(zone())
    try:
        at = datetime.fromisoformat(stopped)
    except ValueError as error:
        raise UsageError(f"{NOW}={stopped}: is no moment; write it as in 2026-03-12T15:00.") from error
    return at.replace(tzinfo=zone()) if at.tzinfo is None else at.astimezone(zone())
