"""A parse result as the attributes of a Rasa message."""

from __future__ import annotations

import pytest

from cnlu_dialogue.rasa.message import base_intent, entities, intent_ranking


def ranked(*pairs: tuple[str, float]) -> dict[str, object]:
    return {"intent_ranking": [{"name": name, "confidence": confidence} for name, confidence in pairs]}


def test_the_ranking_has_at_most_the_given_length() -> None:
    assert intent_ranking(ranked(("a", 0.6), ("b", 0.3), ("c", 0.1)), 2) == [
        {"name": "a", "confidence": 0.6},
        {"name": "b", "confidence": 0.3},
    ]


def test_confidences_of_retrieval_intents_are_summed() -> None:
    ranking = intent_ranking(ranked(("book", 0.4), ("faq/name", 0.35), ("faq/age", 0.25)), 10)
    assert [(item["name"], pytest.approx(item["confidence"])) for item in ranking] == [("faq", 0.6), ("book", 0.4)]


def test_an_empty_ranking_stays_empty() -> None:
    assert intent_ranking({"intent_ranking": []}, 10) == []


@pytest.mark.parametrize(("name", "base"), [("a", "a"), ("faq/x", "faq"), ("a/b/c", "a/b/c"), ("订票.车", "订票.车")])
def test_only_one_slash_makes_a_retrieval_intent(name: str, base: str) -> None:
    assert base_intent(name) == base


def test_entities_of_lookups_and_regexes_have_the_component_as_extractor() -> None:
    hit = {"entity": "city", "start": 0, "end": 2, "value": "北京", "extractor": "lookup", "confidence_entity": 1.0}
    assert entities({"entities": [hit]}) == [{**hit, "extractor": "CnluClassifier"}]
