"""cnlu in Rasa Open Source 3.6: `name: cnlu_dialogue.rasa.CnluClassifier` in a pipeline."""

from __future__ import annotations

from typing import Any

__all__ = ["CnluClassifier"]


def __getattr__(name: str) -> Any:
    """Imports the component on first use, so that the other modules work without Rasa."""
    if name == "CnluClassifier":
        from cnlu_dialogue.rasa.component import CnluClassifier

        return CnluClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
