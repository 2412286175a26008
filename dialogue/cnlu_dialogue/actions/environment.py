"""The action server's environment variables: the data folder, the time and the time zone."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cnlu.errors import UsageError
from cnlu.i18n import _

DATA = "CNLU_BOT_DATA"
"""The environment variable that names the folder of the timetable and the orders."""
NOW = "CNLU_BOT_NOW"
"""The environment variable that fixes the time, such as 2026-03-12T15:00, for tests and demonstrations."""
ZONE = "CNLU_BOT_TIMEZONE"
"""The environment variable that names the time zone of all dates; the default is Asia/Shanghai."""


def data_folder() -> Path:
    """The folder of the SQLite files: from the environment, or in the user's data folder."""
    if folder := os.environ.get(DATA):
        return Path(folder)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "cnlu"


def zone() -> tzinfo:
    """The time zone of all dates; raises UsageError if the environment names an unknown one."""
    name = os.environ.get(ZONE, "Asia/Shanghai")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        if name == "Asia/Shanghai":  # a system without a time zone database
            return timezone(timedelta(hours=8), name)
        raise UsageError(f"{ZONE}={name}", _("not a time zone"), _("use a name such as Asia/Shanghai")) from error


def now() -> datetime:
    """The current time, or the time that the environment fixes; raises UsageError if that is not a time."""
    fixed = os.environ.get(NOW)
    if not fixed:
        return datetime.now(zone())
    try:
        at = datetime.fromisoformat(fixed)
    except ValueError as error:
        raise UsageError(f"{NOW}={fixed}", _("not a date and time"), _("write it as in 2026-03-12T15:00")) from error
    return at.replace(tzinfo=zone()) if at.tzinfo is None else at.astimezone(zone())
