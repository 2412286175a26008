"""The bot's files agree with each other, with the corpus and with the actions; checked without Rasa."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cnlu.data.load import load_data
from cnlu.data.markup import parse_markup
from cnlu_dialogue.actions.turn import STATE_SLOTS, TRIP_SLOTS


@pytest.fixture(scope="module")
def bot() -> Path:
    return Path(__file__).resolve().parents[3] / "dialogue" / "railway"


@pytest.fixture(scope="module")
def domain(bot: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((bot / "domain.yml").read_text("utf-8")))


def steps(bot: Path) -> list[dict[str, Any]]:
    """Every step of the rules, stories and conversations."""
    result = []
    for path in [*(bot / "data").glob("*.yml"), *(bot / "tests").glob("*.yml")]:
        content = yaml.safe_load(path.read_text("utf-8"))
        result += [step for story in content.get("rules", []) + content.get("stories", []) for step in story["steps"]]
    return result


def test_the_domain_has_the_intents_and_entities_of_the_corpus(checkout: Path, domain: dict[str, Any]) -> None:
    examples = load_data(checkout / "corpora" / "railway" / "train").examples
    entities = {name if isinstance(name, str) else next(iter(name)) for name in domain["entities"]}
    assert set(domain["intents"]) == {example.intent for example in examples} | {"nlu_fallback"}
    assert entities == {entity.entity for example in examples for entity in example.entities}


def test_every_intent_has_a_step_and_every_action_is_in_the_domain(bot: Path, domain: dict[str, Any]) -> None:
    actions = {*domain["actions"], *domain["responses"], *domain["forms"], "action_deactivate_loop"}
    assert {step["intent"] for step in steps(bot) if "intent" in step} == set(domain["intents"])
    assert {step["action"] for step in steps(bot) if "action" in step} <= actions


def test_the_domain_lists_all_actions(checkout: Path, domain: dict[str, Any]) -> None:
    source = (checkout / "dialogue" / "cnlu_dialogue" / "actions" / "sdk.py").read_text("utf-8")
    assert set(re.findall(r'^    "(action_\w+)"', source, re.MULTILINE)) == set(domain["actions"])


def test_the_slots_that_actions_clear_are_in_the_domain(domain: dict[str, Any]) -> None:
    assert {*TRIP_SLOTS, *STATE_SLOTS, "order_no"} <= set(domain["slots"])


def test_there_are_at_least_forty_conversations_with_new_texts(bot: Path, checkout: Path) -> None:
    stories = yaml.safe_load((bot / "tests" / "test_conversations.yml").read_text("utf-8"))["stories"]
    assert len(stories) >= 40
    assert len({story["story"] for story in stories}) == len(stories)
    corpus = {example.text for example in load_data(checkout / "corpora" / "railway" / "train").examples}
    texts = [
        parse_markup(step["user"].strip(), "conversation")[0]
        for story in stories
        for step in story["steps"]
        if "user" in step
    ]
    long_texts = {text for text in texts if len(text) > 9}  # short ones such as 你好 occur anywhere
    assert long_texts and not long_texts & corpus
