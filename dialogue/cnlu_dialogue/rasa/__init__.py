"""cnlu in Rasa Open Source 3.6: `name: cnlu_dialogue.rasa.CnluClassifier` in a pipeline."""

from __future__ import annotations

from typing import Any

__all__ = ["CnluClassifier"]


def __getattr__(name: str) -> Any:
    """The component is imported when it is asked for, so that the rooms beside it work where Rasa is absent."""
    if name == "CnluClassifier":
        from cnlu_dialogue.rasa.component import CnluClassifier

        return CnluClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
