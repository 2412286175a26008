"""The benchmark of recipes, at miniature size: its rungs, what it keeps, and its choice by dev alone."""

from __future__ import annotations

import importlib
import json
import time
from pathlib import Path
from types import ModuleType

import pytest

from cnlu_pretrain.fine_tuning.fine_tuning import Round
from tests.pretrain.nlu_examples import QUICK, write_examples
from tests.pretrain.runs import SMALL

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def pays(monkeypatch) -> ModuleType:
    """The benchmark; its commands run in this process, which saves their starts."""
    monkeypatch.syspath_prepend(CHECKOUT / "benchmarks")
    module = importlib.import_module("pretraining_pays")

    def in_process(*words: object, log: Path) -> float:
        began = time.process_time()
        module.cnlu_in_process(*words, log=log)
        return time.process_time() - began

    monkeypatch.setattr(module, "cnlu", in_process)
    return module


@pytest.fixture
def command(tmp_path, tiny_encoder, railway_lines) -> list[str]:
    folder = tmp_path / "bot"
    folder.mkdir()
    for name in ("train", "dev", "test"):
        write_examples(folder / f"{name}.yml")
    text = tmp_path / "text.txt"
    text.write_text("\n".join(railway_lines[:300]), "utf-8")
    settings = {name: value for name, value in SMALL.items() if name != "checkpoint_every"} | {"checkpoint_every": 2}
    return [
        *("pretraining_pays.py", str(folder), "--encoders", str(tiny_encoder), "--text", str(text)),
        *("--recipes", "ngram", "wise", "--steps", "4", "--shots", "3", "--rungs", "1", "1"),
        *("--keep", str(tmp_path / "keep"), "--out", str(tmp_path / "figures.json")),
        *(part for name, value in settings.items() for part in ("--set", f"run.{name}={value}")),
        *(part for setting in QUICK for part in ("--train-set", setting)),
    ]


@pytest.fixture
def trained(pays, monkeypatch) -> list[tuple[str, int]]:
    """Models that are not trained, with wise better on dev and ngram on test: [C] the encoder and draw of each."""
    calls: list[tuple[str, int]] = []

    def fine_tune(encoder: Path, options, number: int) -> Round:
        calls.append((encoder.name, number))
        dev = {"wise": 8, "ngram": 6}.get(encoder.name, 4)
        test = {"wise": 5, "ngram": 9}.get(encoder.name, 4)
        right = [i < dev for i in range(12)] + [i < test for i in range(12)]
        return Round(list(range(24)), right)

    monkeypatch.setattr(pays, "fine_tune", fine_tune)
    return calls


def test_the_better_half_on_dev_goes_on_and_the_final_table_has_test_figures(
    pays, command, trained, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr("sys.argv", command)
    pays.main()
    assert sorted(trained) == sorted([("tiny", 1), ("ngram", 1), ("wise", 1), ("tiny", 2), ("wise", 2)])
    figures = json.loads((tmp_path / "figures.json").read_text("utf-8"))["encoders"]["tiny"]
    assert list(figures["rung 2"]) == list(figures["test"]) == ["before", "wise"]
    assert figures["rung 1"]["wise"]["gain"]["mean"] == pytest.approx(4 / 12)
    assert figures["test"]["wise"]["gain"]["mean"] == pytest.approx(1 / 12)
    assert figures["test"]["wise"]["cpu_minutes"] > 0
    assert "| ngram |" in capsys.readouterr().out


def test_a_killed_benchmark_repeats_no_finished_part(pays, command, trained, monkeypatch, tmp_path):
    counted, commands = pays.fine_tune, pays.cnlu

    def dies_at_third(*arguments):
        if len(trained) == 2:
            raise KeyboardInterrupt
        return counted(*arguments)

    verbs: list[object] = []
    monkeypatch.setattr("sys.argv", command)
    monkeypatch.setattr(pays, "cnlu", lambda *words, log: [verbs.append(words[1]), commands(*words, log=log)][1])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(pays, "fine_tune", dies_at_third)
        pays.main()
    pays.main()
    assert len(trained) == 5 and verbs == ["prepare", "run", "run"]


def test_the_time_of_one_call_is_bounded(pays, command, trained, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [*command, "--cpu-minutes", "0.0001"])
    pays.main()
    assert "CPU minutes are used up" in capsys.readouterr().out and len(trained) <= 1


def test_results_of_other_options_are_not_mixed(pays, command, trained, monkeypatch):
    monkeypatch.setattr("sys.argv", command)
    pays.main()
    monkeypatch.setattr("sys.argv", [*command, "--tuning", "frozen"])
    with pytest.raises(SystemExit, match="holds results of other options"):
        pays.main()


@pytest.mark.slow
def test_it_trains_models_from_end_to_end(pays, command, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.argv", command)
    pays.main()
    figures = json.loads((tmp_path / "figures.json").read_text("utf-8"))["encoders"]["tiny"]
    assert set(figures) == {"rung 1", "rung 2", "test"}


def test_each_recipe_is_a_valid_set_of_settings(pays):
    from cnlu_pretrain.load_config import load_config

    for recipe in pays.RECIPES.values():
        load_config(None, [setting.format(steps=10, half=1) for setting in recipe.settings])
