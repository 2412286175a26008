"""Rasa's training data converted to cnlu's."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cnlu.data.load import load_data
from cnlu.data.schema import Entity, Example
from cnlu.errors import DataError
from cnlu_dialogue.rasa.examples import collect, write_files
from cnlu_dialogue.rasa.options import read_settings

CITY = {"start": 1, "end": 3, "entity": "city", "value": "北京"}


def rasa_data(*messages: dict[str, Any], **parts: Any) -> Any:
    """The parts of Rasa's TrainingData that cnlu reads; test_component.py has a real one."""
    attributes = {"entity_synonyms": {}, "regex_features": [], "lookup_tables": []} | parts
    return SimpleNamespace(nlu_examples=list(messages), **attributes)


def message(text: str, intent: str | None = "go", *entities: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"text": text, "intent": intent, "entities": list(entities), **more}


def test_text_intent_and_spans_are_converted() -> None:
    entity = {"start": 1, "end": 3, "entity": "city", "value": "北京", "role": "to", "group": 1}
    data = collect(rasa_data(message("去北京", "go", entity)), read_settings({}))
    assert data.examples == [Example("去北京", "go", (Entity(1, 3, "city", "北京", role="to", group="1"),))]


def test_a_retrieval_intent_is_learned_as_its_first_part() -> None:
    retrieval = message("你叫什么", "faq", intent_response_key="faq/ask_name")
    assert collect(rasa_data(retrieval), read_settings({})).examples[0].intent == "faq"


def test_a_value_that_rasa_has_mapped_becomes_a_synonym_of_its_surface() -> None:
    data = collect(rasa_data(message("去魔都", "go", {**CITY, "value": "上海"})), read_settings({}))
    assert data.examples[0].entities[0].value == "魔都"
    assert data.synonyms == {"魔都": "上海"}


def test_entities_meant_for_another_extractor_are_not_learned() -> None:
    other, own = {**CITY, "extractor": "DucklingEntityExtractor"}, {**CITY, "extractor": "CnluClassifier"}
    data = collect(rasa_data(message("去北京", "go", other), message("去北京", "go", own)), read_settings({}))
    assert [len(example.entities) for example in data.examples] == [0, 1]


def test_a_task_that_is_switched_off_is_not_learned() -> None:
    training_data = rasa_data(message("去北京", "go", CITY))
    (only_intent,) = collect(training_data, read_settings({"entity_recognition": False})).examples
    (only_entities,) = collect(training_data, read_settings({"intent_classification": False})).examples
    assert (only_intent.intent, only_intent.entities) == ("go", ())
    assert (only_entities.intent, len(only_entities.entities)) == (None, 1)


def test_empty_texts_are_left_out() -> None:
    assert not collect(rasa_data(message(" "), message("")), read_settings({})).examples


def test_dictionaries_survive_the_files(tmp_path: Path) -> None:
    training_data = rasa_data(
        message("去北京", "go", CITY),
        message("原文 [括号](不是实体)"),
        entity_synonyms={"帝都": "北京"},
        regex_features=[{"name": "train", "pattern": r"G\d+"}, {"name": "train", "pattern": r"D\d+"}],
        lookup_tables=[{"name": "city", "elements": ["北京", " 上海 ", "北京"]}],
    )
    loaded = load_data(write_files(collect(training_data, read_settings({})), tmp_path))
    assert [example.text for example in loaded.examples] == ["去北京", "原文 [括号](不是实体)"]
    assert loaded.synonyms == {"帝都": "北京"}
    assert loaded.regexes == {"train": [r"G\d+", r"D\d+"]}
    assert loaded.lookups == {"city": ["北京", "上海"]}


@pytest.mark.parametrize("as_list", [True, False])
def test_a_lookup_table_can_be_in_a_file(tmp_path: Path, as_list: bool) -> None:
    file = tmp_path / "cities.txt"
    file.write_text("北京\n\n 上海\r\n", encoding="utf-8")
    table = {"name": "city", "elements": [str(file)] if as_list else str(file)}
    assert collect(rasa_data(lookup_tables=[table]), read_settings({})).lookups == {"city": ["北京", "上海"]}


def test_an_error_names_the_missing_file_of_a_lookup_table(tmp_path: Path) -> None:
    table = {"name": "city", "elements": str(tmp_path / "none.txt")}
    with pytest.raises(DataError, match="lookup city: .*none.txt: there is no such file"):
        collect(rasa_data(lookup_tables=[table]), read_settings({}))
