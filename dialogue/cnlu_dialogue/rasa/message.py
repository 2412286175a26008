"""A parse result of cnlu as the attributes of a Rasa message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnlu_dialogue.rasa.options import COMPONENT

NO_INTENT: Mapping[str, Any] = {"name": None, "confidence": 0.0}


def intent_ranking(result: Mapping[str, Any], length: int) -> list[dict[str, Any]]:
    """Rasa's intent ranking: at most `length` intents, the most likely first.

    A model trained outside Rasa may know `faq/ask_name` and `faq/ask_age`. Rasa's intent is `faq`, with the sum of
    their listed confidences.
    """
    confidences: dict[str, float] = {}
    for item in result["intent_ranking"]:
        name = base_intent(item["name"])
        confidences[name] = confidences.get(name, 0.0) + item["confidence"]
    ordered = sorted(confidences.items(), key=lambda pair: -pair[1])[:length]
    return [{"name": name, "confidence": min(confidence, 1.0)} for name, confidence in ordered]


def base_intent(name: str) -> str:
    """Rasa's name of an intent: `faq` for the retrieval intent `faq/ask_name`."""
    return name.partition("/")[0] if name.count("/") == 1 else name


def entities(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entities with this component as their extractor, including those found by the model's lookups and regexes."""
    return [{**entity, "extractor": COMPONENT} for entity in result["entities"]]
