"""The shipped settings are the defaults, and settings that cannot work together are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnlu.config.files import build_config, read_values, to_yaml
from cnlu.errors import UsageError
from cnlu_pretrain.config import MaskingConfig, ObjectivesConfig, PretrainConfig, RunConfig
from cnlu_pretrain.load_config import RENAMED, load_config


def test_the_shipped_file_has_every_setting_at_its_default(checkout: Path) -> None:
    path = checkout / "configs" / "pretrain.yaml"
    assert path.read_text("utf-8") == to_yaml(PretrainConfig())
    assert build_config(read_values(path, [], PretrainConfig), kind=PretrainConfig) == PretrainConfig()


def test_the_recipe_is_used_only_without_a_file() -> None:
    recipe = load_config(None, ["run.passes=2"], recipe=True)
    assert recipe.masking.replacement == "similar" and recipe.run.wise_ft < 1 and recipe.run.passes == 2
    assert load_config("pretrain", [], recipe=True) == load_config(None, []) == PretrainConfig()


def test_a_folder_does_not_hide_a_shipped_file_of_its_name(tmp_path, monkeypatch) -> None:
    (tmp_path / "adapt").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_config("adapt", []) == load_config(None, [], recipe=True)


def test_the_message_about_a_misspelt_setting_suggests_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="masking.rat.*did you mean 'rate'"):
        build_config({"masking": {"rat": 0.3}}, kind=PretrainConfig)
    with pytest.raises(UsageError, match="'mask'.*did you mean 'masking'"):
        read_values(None, ["mask.rate=0.3"], PretrainConfig)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MaskingConfig(ngram_shares="a b"), "40 30 20 10"),
        (lambda: ObjectivesConfig(masked=0), "nothing to learn"),
        (lambda: ObjectivesConfig(replaced_token=50, span_boundary=1), "no effect"),
        (lambda: RunConfig(batch_tokens=64), "less than one row"),
        (lambda: PretrainConfig(masking=MaskingConfig(span_p=0.3)), "masking.strategy: ngram"),
        (lambda: PretrainConfig(run=RunConfig(long_share=0.5)), "run.long_length: 0"),
    ],
)
def test_settings_that_have_no_effect_or_cannot_work_are_refused(build, message) -> None:
    with pytest.raises(UsageError, match=message):
        build()


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_the_message_about_an_old_name_gives_the_new_name(tmp_path: Path, old: str, new: str) -> None:
    section, _, name = old.partition(".")
    with pytest.raises(UsageError, match=rf"{old} is now called {new};"):
        load_config(None, [f"{section}.{name or 'x'}=1"] if name else [f"{section}=1"])
    file = tmp_path / "mine.yaml"
    file.write_text(f"{section}:\n  {name or 'x'}: 1\n", "utf-8")
    with pytest.raises(UsageError, match=rf"mine.yaml: {old} is now called {new};"):
        load_config(str(file), [])
    assert getattr(PretrainConfig(), new.partition(".")[0])
