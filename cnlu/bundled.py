"""The small encoder that is installed with cnlu, and the encoder that training uses by default."""

from __future__ import annotations

from pathlib import Path

BUNDLED = "zh-mini"
NO_ENCODER = "none"
PACKAGE = Path(__file__).resolve().parent / "encoder"
"""The package that holds the bundled encoder's directory"""


def bundled_directory() -> Path | None:
    """The directory of the bundled encoder, or None if this installation has none."""
    directory = PACKAGE / BUNDLED
    return directory if directory.is_dir() else None


def choose_encoder(name: str | None) -> str | None:
    """The encoder that the option `--encoder` means: the bundled one without the option, None for `none`."""
    if name is None:
        return BUNDLED
    return None if name == NO_ENCODER else name
