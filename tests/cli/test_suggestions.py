"""Suggestions for unknown names: a synonym of the field, a similar name, or none."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from cnlu.check.check import ignored_codes
from cnlu.config import Config
from cnlu.config.files import build_config, known_settings, load_config, read_values
from cnlu.errors import UsageError
from cnlu.suggest import SYNONYMS, nearest
from cnlu_dialogue.rasa.options import read_settings
from cnlu_pretrain.config import PretrainConfig


def error_message(kind: type, override: str) -> str:
    with pytest.raises(UsageError) as caught:
        build_config(read_values(None, [override], kind), "settings", kind)
    return str(caught.value)


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("run.steps=3", "--max-steps"),
        ("run.max_steps=3", "--max-steps"),
        ("run.epochs=3", "passes"),
        ("run.lr=1", "learning_rate"),
        ("run.batch_size=8", "batch_tokens"),
        ("run.max_len=8", "length"),
        ("run.wd=0", "weight_decay"),
        ("optimizer.lr=1", "run.learning_rate"),
        ("optimizer.steps=9", "--max-steps"),
        ("run.mlm_probability=0.2", "masking.rate"),
        ("encoder.width=8", "hidden_size"),
        ("masking.rat=0.2", "rate"),
    ],
)
def test_names_of_other_tools_suggest_settings_of_pretraining(override: str, meant: str) -> None:
    assert f"; did you mean {meant!r}?" in error_message(PretrainConfig, override)


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("training.lr=1", "learning_rate"),
        ("training.steps=3", "epochs"),
        ("training.bs=3", "batch_size"),
        ("training.batch=3", "batch_size"),
        ("training.dropout=0", "model.dropout"),
        ("model.lr=1", "training.learning_rate"),
        ("model.hidden_size=8", "width"),
        ("model.epochs=3", "training.epochs"),
        ("optimizer.lr=1", "training.learning_rate"),
        ("training.max_seq_length=8", "max_length"),
        ("model.num_layers=2", "layers"),
        ("Training.epochs=2", "training"),
        ("encoder.lr=1", "learning_rate"),
        ("training.weigth_decay=1", "weight_decay"),
    ],
)
def test_names_of_other_tools_suggest_settings_of_training(override: str, meant: str) -> None:
    assert f"; did you mean {meant!r}?" in error_message(Config, override)


@pytest.mark.parametrize("override", ["optimizer.beta=1", "training.workers=1", "model.x=1", "foo.bar=1", "run.lr=x"])
def test_distant_names_get_no_suggestion(override: str) -> None:
    assert "did you mean" not in error_message(Config, override) or override == "run.lr=x"


def test_a_misnamed_section_is_recognized_by_its_settings() -> None:
    with pytest.raises(UsageError, match=r"unknown section 'optimizer'; did you mean 'training.learning_rate'"):
        build_config({"optimizer": {"lr": 0.1}})


def test_every_synonym_leads_to_a_setting_or_option_that_exists() -> None:
    def names(kind: type) -> Iterable[str]:
        return (name for settings in known_settings(kind).values() for name in settings)

    known = {"--max-steps", *names(Config), *names(PretrainConfig)}
    assert {meant for every in SYNONYMS.values() for meant in every} <= known


def test_short_names_are_not_misspellings_of_long_ones() -> None:
    assert nearest("lr", ["layers", "heads"]) is None and nearest("layer", ["layers", "heads"]) == "layers"


def test_distant_codes_and_component_options_get_no_suggestion() -> None:
    with pytest.raises(UsageError, match=r"there is no code 'zzz'; choose among "):
        ignored_codes("zzz", "--ignore")
    with pytest.raises(UsageError, match=r"epochs: unknown option; use `set: {training.epochs: ...}`"):
        read_settings({"epochs": 100})
    with pytest.raises(UsageError, match=r"zzz: unknown option; .*model"):
        read_settings({"zzz": 1})


def test_the_right_setting_needs_no_suggestion() -> None:
    assert load_config(None, ["training.epochs=3"]).training.epochs == 3
