"""Settings from files and from --set; a wrong one is an error message that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnlu.config import Config
from cnlu.config.files import RENAMED, build_config, known_settings, load_config, to_yaml
from cnlu.errors import CnluError, UsageError


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "settings.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_overrides_win_over_the_file_and_the_seed_over_both(tmp_path: Path) -> None:
    path = written(tmp_path, "model:\n  dropout: 0.4\n  layers: 3\ntraining:\n  seed: 4\nfeatures:\n")
    config = load_config(path, ["model.layers=1", "training.seed=5", "features.lexicon=off"], seed=6)
    assert (config.model.dropout, config.model.layers, config.training.seed) == (0.4, 1, 6)
    assert config.features.lexicon == "off"


@pytest.mark.parametrize("text", ["", "# nothing\n", "model:\n"])
def test_a_file_without_settings_means_the_defaults(tmp_path: Path, text: str) -> None:
    assert load_config(written(tmp_path, text)) == Config()


def test_the_commented_settings_read_back_as_the_defaults(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, to_yaml(Config()))) == Config()


def test_numbers_may_be_written_with_an_exponent(tmp_path: Path) -> None:
    path = written(tmp_path, "training:\n  learning_rate: 1e-3\n  max_examples: 1e5\n  warmup: 0\n")
    training = load_config(path).training
    assert (training.learning_rate, training.max_examples, training.warmup) == (1e-3, 100_000, 0.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modle:\n  layers: 1\n", "unknown section 'modle'; did you mean 'model'"),
        ("model:\n  layer: 1\n", "model.layer: unknown setting; did you mean 'layers'"),
        ("model:\n  layers: two\n", "model.layers: expected a whole number from 0 to 12, not 'two'"),
        ("model:\n  layers: 1.5\n", "model.layers: expected a whole number"),
        ("model:\n  layers: 99\n", "model.layers: is 99; it must be at least 0 and at most 12"),
        ("model:\n  layers: [1]\n", "model.layers: expected a whole number"),
        ("model:\n  dropout: .nan\n", "model.dropout: expected a number"),
        ("model:\n  tagging: IOB\n", "model.tagging: is 'IOB'; choose one of: BIO, BILOU"),
        ("model:\n  tagging: {a: 1}\n", "model.tagging: expected a word"),
        ("features:\n  words: perhaps\n", "features.words: expected true or false"),
        ("model: 3\n", "model: the section must hold settings"),
        ("- model\n", "must hold sections"),
        ("training:\n  seed: -1\n", "training.seed: is -1"),
        ("training:\n  seed: " + "9" * 5000 + "\n", "training.seed: expected a whole number"),
        (
            "training:\n  min_epochs: 9\n  max_epochs: 3\n",
            "training.min_epochs: is 9, more than training.max_epochs: 3",
        ),
        ("features:\n  words: false\ntext:\n  segmenter: jieba\n", "text.segmenter: has no effect"),
        ("model:\n  layers: 1\n  layers: 2\n", ":3: .*is already on line 2"),
        ("model:\n\tlayers: 1\n", ":2: a tab"),
        ("model: !!python/object/apply:os.system [ls]\n", ":1: the tag .* remove it"),
        ("model: [\n", r"settings.yaml:\d: this is not valid YAML"),
        ("model: 2001-99-99\n", "model: the section must hold settings"),
        (b"model:\n  layers: \xff\n", ":2: byte .* not valid UTF-8"),
        ("model:\n  layers: 1\x00\n", ":2: YAML does not allow"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_place(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(CnluError, match=message) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 2
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("layers=1", "write it as section.key=value"),
        ("model.layers", "write it as section.key=value"),
        ("modle.layers=1", "unknown section 'modle'; did you mean 'model'"),
        ("model.layer=1", "did you mean 'layers'"),
        ("model.layers=[1, 2]", "expected a whole number"),
        ("model.layers={a: 1}", "expected a whole number"),
        ("model.layers=", "expected a whole number"),
        ("model.layers=2001-99-99", "expected a whole number"),
        ("model.dropout=nan", "expected a number"),
        ("model.dropout=inf", "expected a number"),
        ("model.tagging=[BIO]", "choose one of"),
        ("features.words=1", "expected true or false"),
    ],
)
def test_a_mistake_in_an_override_is_named(override: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_config(None, [override])


@pytest.mark.parametrize(
    "overrides",
    [
        ["model.width=30", "model.heads=4"],
        ["model.intent_weight=0", "model.entity_weight=0"],
        ["model.intent_loss=similarity", "model.label_smoothing=0.1"],
        ["model.intent_loss=cross_entropy", "model.negatives=3"],
        ["model.layers=0", "model.feedforward=64"],
        ["model.intent_weight=0", "model.label_width=12"],
        ["model.entity_weight=0", "model.tagging=BILOU"],
        ["features.words=false", "text.segmenter=jieba"],
    ],
)
def test_a_setting_that_cannot_have_its_effect_is_refused(overrides: list[str]) -> None:
    with pytest.raises(UsageError, match=r"not a multiple|nothing to learn|has no effect with"):
        load_config(None, overrides)


def test_settings_stored_with_a_model_load_whatever_the_defaults_are_now() -> None:
    stored = Config().to_dict()
    stored["model"] |= {"intent_loss": "cross_entropy", "negatives": 3, "layers": 0, "feedforward": 64}
    assert build_config(stored).model.negatives == 3


def test_the_shipped_settings_are_the_defaults_each_with_its_comment(checkout: Path) -> None:
    shipped = (checkout / "configs" / "default.yaml").read_text(encoding="utf-8")
    assert shipped == to_yaml(Config()), "write it again from cnlu.config.files.to_yaml(Config())"


def test_the_shipped_settings_for_an_encoder_are_its_defaults(checkout: Path) -> None:
    shipped = (checkout / "configs" / "encoder.yaml").read_text(encoding="utf-8")
    assert shipped == to_yaml(load_config(None, encoder=True)), "write it again from load_config(None, encoder=True)"


def test_encoder_settings_without_an_encoder_are_refused() -> None:
    with pytest.raises(UsageError, match=r"encoder.tuning: has no effect without an encoder"):
        load_config(None, ["encoder.tuning=frozen"])


@pytest.mark.parametrize(
    "overrides",
    [
        ["encoder.tuning=frozen", "encoder.learning_rate=0.001"],
        ["encoder.tuning=lora", "encoder.cache_mb=7"],
        ["encoder.lora_rank=4"],
    ],
)
def test_an_encoder_setting_that_its_tuning_leaves_idle_is_refused(overrides: list[str]) -> None:
    with pytest.raises(UsageError, match=r"has no effect with encoder.tuning"):
        load_config(None, overrides, encoder=True)


def test_the_users_setting_overrides_the_encoders_default() -> None:
    assert load_config(None, ["training.batch_size=7"], encoder=True).training.batch_size == 7


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_of_a_setting_leads_to_the_new_one(tmp_path: Path, old: str, new: str) -> None:
    section, _, name = old.partition(".")
    with pytest.raises(UsageError) as caught:
        load_config(None, [f"{old}=1"])
    assert str(caught.value) == f"{old}: is now called {new}; write the new name."
    path = written(tmp_path, f"{section}:\n  {name}: 1\n")
    with pytest.raises(UsageError) as caught:
        load_config(path)
    assert str(caught.value) == f"{path}: {old}: is now called {new}; write the new name."
    assert new.partition(".")[2] in known_settings(Config)[new.partition(".")[0]]
