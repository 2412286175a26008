"""`cnlu adapt`: what it keeps, what it leaves out of the text, and what it resumes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cnlu.cli import main
from cnlu.errors import UsageError
from cnlu_pretrain.adapt import adapt as steps
from cnlu_pretrain.adapt.adapt import adapt
from cnlu_pretrain.adapt.outcome import Outcome
from cnlu_pretrain.adapt.request import AdaptRequest
from cnlu_pretrain.config import PrepareConfig, PretrainConfig, RunConfig
from cnlu_pretrain.evaluation.nlu_probe import Examples
from cnlu_pretrain.fine_tuning.fine_tuning import Round
from cnlu_pretrain.fine_tuning.gain import Gain
from tests.pretrain.nlu_examples import QUICK, write_examples
from tests.pretrain.runs import SMALL, killed_at, same_weights

CONFIG = PretrainConfig(prepare=PrepareConfig(processes=1, held_out=0.05), run=RunConfig(**{**SMALL, "wise_ft": 0.5}))


@pytest.fixture
def request_of(tmp_path, tiny_encoder, railway_lines):
    text = tmp_path / "text.txt"
    text.write_text("\n".join([*railway_lines[:300], "帮我买票", "我要退票"]), "utf-8")
    data = write_examples(tmp_path / "nlu.yml")

    def build(name: str, **options) -> AdaptRequest:
        request = AdaptRequest(
            texts=[str(text)],
            examples=Examples([str(data)], [str(data)]),
            out=tmp_path / name,
            config=CONFIG,
            encoder=str(tiny_encoder),
            rounds=1,
            overrides=QUICK,
            device="cpu",
        )
        return replace(request, **options)

    return build


@pytest.fixture
def six_steps(monkeypatch):
    """Six steps of pretraining, whatever the speed; models are not trained, and few sentences tell nothing."""
    monkeypatch.setattr(steps, "steps_within", lambda *_arguments: 6)


@pytest.fixture
def scored(monkeypatch):
    """Models that are right on 4 of 10 sentences, and on 9 of 10 on the adapted encoder; [E] the encoders compared."""
    compared: list[str] = []

    def fine_tune(encoder: Path, options, number: int) -> Round:
        compared.append(encoder.name)
        right = 0.9 if encoder.name == "encoder" else 0.4
        return Round(list(range(200)), [i % 10 < 10 * right for i in range(200)])

    monkeypatch.setattr(steps, "fine_tune", fine_tune)
    return compared


@pytest.mark.slow
def test_the_command_rejects_an_encoder_where_too_few_sentences_tell(tmp_path, request_of, tiny_encoder, capsys):
    request = request_of("encoder-of-domain")
    settings = [f"{name}={value}" for name, value in SMALL.items()]
    options = [
        *("--data", *request.examples.data, "--test", *request.examples.test, "--out", str(request.out)),
        *("--encoder", str(tiny_encoder), "--minutes", "0.01", "--rounds", "1", "--device", "cpu", "--json"),
        *(part for name in QUICK for part in ("--train-set", name)),
        *(part for name in settings for part in ("--set", f"run.{name}")),
    ]
    assert main(["adapt", *request.texts, *options]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert not result["kept"] and result["outcome"] == "few" and result["written"] is None
    assert "12 test sentences, which are too few to tell" in result["sentence"]
    assert not request.out.exists() and "1/3" in captured.err and "3/3" in captured.err


@pytest.mark.parametrize("test", [["nlu.yml"], []])
def test_sentences_that_models_are_tested_on_are_left_out_of_the_text(
    request_of, six_steps, scored, monkeypatch, tmp_path, test
):
    monkeypatch.setattr(steps, "ADAPTED", "original")  # the same rounds twice: no difference
    data = str(tmp_path / "nlu.yml")
    adapt(request_of("out", examples=Examples([data], [str(tmp_path / name) for name in test])))
    manifest = json.loads((tmp_path / "out.adapt" / "corpus" / "manifest.json").read_text("utf-8"))
    assert manifest["left_out"]["excluded"] == 2


def test_an_encoder_whose_models_are_better_is_written_with_the_reason(request_of, six_steps, scored, tmp_path):
    outcome = adapt(request_of("out"))
    assert outcome.kept and outcome.adapted == pytest.approx(0.9)
    assert outcome.describe().startswith(f"{tmp_path / 'out'}: kept, because fine-tuned models gain +50.0 points")
    assert (tmp_path / "out" / "model.safetensors").exists() and not (tmp_path / "out.adapt").exists()
    assert json.loads((tmp_path / "out" / "adaptation.json").read_text("utf-8"))["outcome"] == "better"


def test_a_rejected_encoder_can_be_written_later_without_new_work(request_of, six_steps, scored, monkeypatch, tmp_path):
    monkeypatch.setattr(steps, "ADAPTED", "original")  # the same rounds twice: no difference
    assert adapt(request_of("out")).written is None
    assert len(scored) == 1
    outcome = adapt(request_of("out", resume=True, keep_anyway=True))
    assert len(scored) == 1 and (tmp_path / "out" / "config.json").exists()
    assert (
        "written because of --keep-anyway" in outcome.describe() and "no difference that is shown" in outcome.describe()
    )


def test_a_killed_pretraining_continues_with_the_same_result(request_of, six_steps, scored, tmp_path):
    adapt(request_of("whole"))
    with killed_at(step=4):
        adapt(request_of("resumed"))
    adapt(request_of("resumed", resume=True))
    assert same_weights(tmp_path / "whole", tmp_path / "resumed")


def test_a_killed_comparison_repeats_no_finished_model(request_of, six_steps, scored, monkeypatch, tmp_path):
    counted = steps.fine_tune

    def dies_at_third(encoder: Path, options, number: int) -> Round:
        if len(scored) == 2:
            raise KeyboardInterrupt
        return counted(encoder, options, number)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(steps, "fine_tune", dies_at_third)
        adapt(request_of("out", rounds=2))
    adapt(request_of("out", rounds=2, resume=True))
    assert len(scored) == 4


def test_other_options_do_not_continue_an_adaptation(request_of, six_steps, scored, monkeypatch, tmp_path):
    monkeypatch.setattr(steps, "ADAPTED", "original")
    adapt(request_of("out"))
    with pytest.raises(UsageError, match="other text, examples or settings"):
        adapt(request_of("out", resume=True, minutes=3))
    shutil.rmtree(tmp_path / "out.adapt")
    with pytest.raises(UsageError, match="nothing to resume"):
        adapt(request_of("out", resume=True))


def test_wrong_settings_of_training_are_refused_before_the_pretraining(request_of, tmp_path):
    with pytest.raises(UsageError, match="no_such"):
        adapt(request_of("out", overrides=["model.no_such=1"]))
    assert not (tmp_path / "out.adapt").exists()


def test_settings_that_do_not_fit_the_encoder_leave_nothing_behind(request_of, tmp_path):
    with pytest.raises(UsageError, match=r"run\.frozen_layers"):
        adapt(request_of("out", config=replace(CONFIG, run=replace(CONFIG.run, frozen_layers=9))))
    assert not (tmp_path / "out.adapt").exists()


def outcome_of(value: float, low: float, high: float) -> Outcome:
    found = Gain(value=value, low=low, high=high, sentences=500, rounds=3)
    return Outcome(gain=found, original=0.5, adapted=0.5 + value, steps=10, written=None)


def test_the_sentence_says_why_an_encoder_is_rejected():
    assert outcome_of(0.01, -0.01, 0.03).describe().endswith("no difference that is shown, so use the original encoder")
    assert outcome_of(-0.03, -0.05, -0.01).describe().endswith("so the original encoder is better")
