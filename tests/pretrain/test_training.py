"""The training loop: each objective learns, gradient accumulation changes no loss, evaluations are in the history."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cnlu_pretrain.config import MaskingConfig, ObjectivesConfig
from cnlu_pretrain.similar.table import BUNDLED_TABLE
from tests.pretrain.runs import masked_losses, pretrain, read_log, same_weights


def test_the_history_starts_with_the_encoder_before_training(tmp_path, corpus, tiny_encoder):
    pretrain(tmp_path / "e", corpus, tiny_encoder)
    history = json.loads((tmp_path / "e" / "pretraining.json").read_text("utf-8"))["history"]
    assert [entry["step"] for entry in history if "held_out" in entry] == [0, 4, 8]


def test_gradient_accumulation_gives_the_losses_of_the_whole_batch(tmp_path, corpus, tiny_encoder):
    for count in (1, 4):
        pretrain(tmp_path / str(count), corpus, tiny_encoder, accumulate=count, dropout=0.0)
    assert np.allclose(*([*masked_losses(tmp_path / str(count)).values()] for count in (1, 4)), atol=2e-4)


@pytest.mark.parametrize(
    ("objectives", "names"),
    [
        ({"order": "sop"}, {"masked", "order"}),
        ({"order": "nsp"}, {"masked", "order"}),
        ({"span_boundary": 1.0}, {"masked", "span_boundary"}),
        ({"replaced_token": 50.0}, {"masked", "replaced_token"}),
    ],
    ids=["sop", "nsp", "sbo", "rtd"],
)
def test_each_objective_learns_and_is_logged_under_its_name(tmp_path, corpus, tiny_encoder, objectives, names):
    sections = {"objectives": ObjectivesConfig(**objectives)}
    pretrain(tmp_path / "e", corpus, tiny_encoder, steps=24, learning_rate=5e-3, sections=sections)
    log = read_log(tmp_path / "e")
    steps = [line for line in log if "masked" in line]
    assert names <= steps[0].keys()
    assert sum(line["masked"]["loss"] for line in steps[-3:]) < sum(line["masked"]["loss"] for line in steps[:3])
    evaluation = [line["held_out"] for line in log if "held_out" in line][-1]
    assert evaluation["own"].keys() == names and evaluation["reference"].keys() == {"masked"}


def test_long_rows_come_after_short_ones(tmp_path, corpus, tiny_encoder):
    messages = pretrain(tmp_path / "e", corpus, tiny_encoder, long_length=128, long_share=0.25)
    assert any("6 steps of 64 tokens a row, then 8 steps of 128" in message for message in messages)


def test_similar_replacement_without_a_table_takes_the_installed_one(tmp_path, corpus, tiny_encoder):
    sections = {"masking": MaskingConfig(replacement="similar")}
    pretrain(tmp_path / "installed", corpus, tiny_encoder, sections=sections)
    pretrain(tmp_path / "named", corpus, tiny_encoder, sections=sections, similar=BUNDLED_TABLE)
    pretrain(tmp_path / "masks", corpus, tiny_encoder)
    assert same_weights(tmp_path / "installed", tmp_path / "named")
    assert not same_weights(tmp_path / "installed", tmp_path / "masks")
