"""The encoder that is installed with cnlu."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

BUNDLED = "zh-mini"


def bundled_directory() -> Path | None:
    """The directory of the bundled encoder, or None if this installation has none."""
    folder = Path(str(resources.files("cnlu.encoder").joinpath(BUNDLED)))
    return folder if folder.is_dir() else None
