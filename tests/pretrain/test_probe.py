"""The probe: its warning, its page, its results and its command."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnlu.cli import main
from cnlu_pretrain.evaluation.page import ProbeResult, page, results_of, warning
from tests.pretrain.nlu_examples import QUICK, write_examples


def point(step: int, frames: float, loss: float) -> ProbeResult:
    return ProbeResult(name=f"step {step}", step=step, reference=0.3, own=0.3, loss=loss, frames=frames)


def test_a_falling_nlu_accuracy_with_a_falling_loss_gives_a_warning():
    message = warning([point(1, 0.70, 3.0), point(2, 0.75, 2.5), point(3, 0.68, 2.0)])
    assert message and "75.0% (step 2) to 68.0% (step 3)" in message


@pytest.mark.parametrize(
    "points",
    [
        [point(1, 0.70, 3.0), point(2, 0.75, 2.5)],  # both better
        [point(1, 0.75, 2.0), point(2, 0.68, 2.5)],  # both worse
        [point(1, 0.75, 3.0), point(2, 0.745, 2.5)],  # within the noise
        [point(1, 0.75, 3.0)],
    ],
)
def test_other_changes_give_no_warning(points):
    assert warning(points) is None


def test_the_page_has_every_point_and_no_external_resource():
    text = page([point(1, 0.7, 3.0), ProbeResult(name="<b>", step=2)], "Probe")
    assert "70.0%" in text and "&lt;b&gt;" in text and "<polyline" in text
    assert "http" not in text


def test_the_page_shows_fine_tuning_only_where_it_was_measured():
    tuned = ProbeResult(name="a", step=1, fine_tuned=0.612)
    assert "61.2%" in page([tuned], "Probe") and "fine-tuned" not in page([point(1, 0.7, 3.0)], "Probe")
    assert "<p>b against a: no &lt;gain&gt;</p>" in page([tuned], "Probe", ["b against a: no <gain>"])


def test_an_evaluation_and_a_probe_of_one_step_are_one_point():
    held_out = {
        "reference": {"masked": {"accuracy": 0.3, "loss": 2.0}},
        "own": {"masked": {"accuracy": 0.4, "loss": 1.9}},
    }
    assert results_of([{"step": 5, "held_out": held_out}, {"step": 5, "frames": 0.6}]) == [
        ProbeResult(name="step 5", step=5, reference=0.3, own=0.4, loss=1.9, frames=0.6)
    ]


@pytest.mark.slow
def test_the_command_measures_encoders_and_writes_the_page(tmp_path: Path, corpus, tiny_encoder, capsys):
    data = write_examples(tmp_path / "nlu.yml")
    out = tmp_path / "probe.html"
    command = [
        "pretrain",
        "probe",
        str(tiny_encoder),
        str(tiny_encoder),
        "--corpus",
        str(corpus),
        "--out",
        str(out),
        "--data",
        str(data),
        "--test",
        str(data),
        "--set",
        "run.length=64",
        *(part for setting in QUICK for part in ("--train-set", setting)),
    ]
    assert main(command) == 0
    messages = capsys.readouterr().err
    assert "whole words" in messages and "NLU frames" in messages
    assert "tiny against tiny, fine-tuned: +0.0 points" in messages and "too few to tell" in messages
    assert "tiny" in out.read_text("utf-8") and "too few to tell" in out.read_text("utf-8")
    assert main(command) == 2
