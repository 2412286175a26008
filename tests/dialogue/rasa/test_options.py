"""The component's options: types, conflicts, and what is passed on to cnlu."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from cnlu.errors import CnluError, UsageError
from cnlu_dialogue.rasa.options import Settings, overrides, read_settings, settings_file, training_config


def test_without_options_the_defaults_apply() -> None:
    settings = read_settings({})
    assert settings.intent_classification
    assert settings.entity_recognition
    assert settings.ranking_length == 10
    assert settings.threads == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 100}, "epochs: unknown option; use"),
        ({"threads": "two"}, "threads: 'two' is not a whole number"),
        ({"threads": True}, "threads: True is not a whole number"),
        ({"threads": 0}, "threads: is 0; it must be at least 1 and at most 256."),
        ({"ranking_length": 11}, "ranking_length: is 11; it must be at least 1 and at most 10."),
        ({"intent_classification": "yes"}, "intent_classification: 'yes' is not true or false"),
        ({"model": 3}, "model: 3 is not a word or a path"),
        ({"trainer": ""}, "trainer: is empty; give a value or leave it out."),
        (
            {"set": ["training.epochs"]},
            "set: ['training.epochs'] is not a mapping of settings such as training.epochs: 20",
        ),
        ({"model": "m", "config": "c", "encoder": "e"}, "config, encoder: have no effect with `model`"),
        ({"intent_classification": False, "entity_recognition": False}, "there is nothing to do"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_settings(options)
    assert message in str(caught.value)


def test_set_becomes_overrides_of_the_command_line() -> None:
    values = {"training.epochs": 20, "model.dropout": 0.1, "text.simplify": True, "features.lexicon": "extractor"}
    assert overrides(read_settings({"set": values})) == [
        "training.epochs=20",
        "model.dropout=0.1",
        "text.simplify=true",
        "features.lexicon=extractor",
    ]
    config = training_config(read_settings({"set": values}))
    assert (config.training.epochs, config.model.dropout, config.features.lexicon) == (20, 0.1, "extractor")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"set": {"epochs": 20}}, "set: 'epochs' is not a setting; write section.name: value"),
        ({"set": {"training": {"epochs": 20}}}, "set: 'training' is not a setting"),
        ({"set": {"training.epochs": [20]}}, "set.training.epochs: [20] is not a value for a setting; give a number"),
        ({"set": {"training.epoch": 20}}, "training.epoch: unknown setting; did you mean 'epochs'"),
        ({"set": {"trainin.epochs": 20}}, "set 'trainin.epochs=20': unknown section"),
        ({"encoder": "none", "set": {"encoder.tuning": "frozen"}}, "encoder.tuning: has no effect without an encoder;"),
        ({"config": "nothing"}, "no settings file 'nothing' is shipped with cnlu"),
        ({"config": "./missing.yaml"}, "missing.yaml: there is no such file"),
    ],
)
def test_a_wrong_setting_of_cnlu_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(CnluError) as caught:
        training_config(read_settings(options))
    assert message in str(caught.value)
    assert "--" not in str(caught.value)


def test_config_names_a_file_of_the_user_or_a_shipped_one(tmp_path: Path, checkout: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("training: {epochs: 3}\n", encoding="utf-8")
    assert training_config(read_settings({"config": str(own)})).training.epochs == 3
    assert settings_file(read_settings({"config": "encoder"})) == checkout / "configs" / "encoder.yaml"


def test_a_tilde_stands_for_the_user_s_home() -> None:
    assert read_settings({"trainer": "~/train/bin/python"}).trainer == str(Path.home() / "train/bin/python")


def test_the_guide_lists_every_option_with_its_doc_line(checkout: Path) -> None:
    text = (checkout / "docs" / "rasa.md").read_text("utf-8")
    for field in dataclasses.fields(Settings):
        assert f"| `{field.name}` | " in text
        assert field.metadata["doc"] in text
