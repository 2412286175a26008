"""Members that leave out a fold each: they do not learn from it until the refit on all examples."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

import torch

from cnlu.data.schema import Example
from cnlu.model.ensemble import Ensemble
from cnlu.training.data.batching import collate
from cnlu.training.data.out_of_fold import (
    FOLDS,
    all_members,
    group_by_mask,
    hold_out_by_member,
    out_of_fold_outputs,
    select_learned,
)

Run = Callable[..., tuple[Any, list[str]]]
FEW = ("training.min_dev=100", "model.members=4", "training.max_epochs=2")
CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("without_export")


def training_report(model: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((model / "training.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture
def first_phase(monkeypatch: pytest.MonkeyPatch) -> list[list[dict[str, torch.Tensor]]]:
    """A list that collects the members' weights at the calibration of each training."""
    from cnlu.training.fit.dev_evaluator import DevEvaluator

    found: list[list[dict[str, torch.Tensor]]] = []
    usual = DevEvaluator.calibrate

    def calibrate(self: DevEvaluator, network: Ensemble, *given: Any) -> Any:
        found.append([{k: v.clone() for k, v in one.state_dict().items()} for one in network.networks()])
        return usual(self, network, *given)

    monkeypatch.setattr(DevEvaluator, "calibrate", calibrate)
    return found


def test_a_member_does_not_learn_from_its_own_fold(
    run: Run, examples: list[Example], first_phase: list[list[dict[str, torch.Tensor]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bits = hold_out_by_member(examples, 4, 1)
    other = {"go": "ask", "ask": "go"}
    wrong = [replace(e, intent=other[str(e.intent)]) if own == 1 else e for e, own in zip(examples, bits, strict=True)]
    monkeypatch.setattr("cnlu.training.data.dataset.stratified_split", lambda every, *_: (list(every), []))
    monkeypatch.setattr(
        "cnlu.training.data.dataset.hold_out_by_member", lambda *_: bits
    )  # although the intents have changed
    for name, given in (("right", examples), ("wrong", wrong)):
        run(given, *FEW, name=name)
    same = [all(torch.equal(one[k], two[k]) for k in one) for one, two in zip(*first_phase, strict=True)]
    assert same == [True, False, False, False]


def test_every_example_calibrates_if_few_could_be_held_out(run: Run, examples: list[Example], tmp_path: Path) -> None:
    _, messages = run(examples, *FEW)
    report = training_report(tmp_path / "model")
    assert report["calibrated_on"] == report["dev"]["n"] == len(examples) and report["refit_epochs"] > 0
    assert any(
        "calibrated on 16 examples, each by a network that left it out; then training continues on all" in s
        for s in messages
    )


def test_a_text_is_in_one_fold_and_no_intent_is_left_out_entirely(examples: list[Example]) -> None:
    given = [*examples, examples[0], Example("谢谢", "thanks")]
    bits = hold_out_by_member(given, 4, 1)
    assert bits[0] == bits[16] and bits[17] == 0
    assert {1, 2, 4, 8} == set(bits[:16])
    assert len(group_by_mask(given, bits)) == 5
    assert hold_out_by_member([Example("好", "yes")] * 3, 4, 1) == [0, 0, 0]


def test_a_single_text_does_not_calibrate_and_a_log_line_says_so(run: Run, tmp_path: Path) -> None:
    _, messages = run([Example("你好", "greet")], *FEW)
    report = training_report(tmp_path / "model")
    assert any("no dev examples" in line and "uncalibrated" in line for line in messages)
    assert (report["refit_epochs"], report["oos_scorer"], report["calibrated_on"]) == (0, None, 0)


@pytest.mark.parametrize(("members", "share"), [(1, 1 / FOLDS), (2, 2 / FOLDS), (4, 1.0), (8, 1.0)])
def test_with_fewer_members_than_folds_all_members_learn_some_examples(
    examples: list[Example], members: int, share: float
) -> None:
    bits = hold_out_by_member(examples, members, 1)
    assert np.mean([own > 0 for own in bits]) == share
    assert all(own in (0, *(1 << m for m in range(members))) for own in bits)


def test_out_of_fold_scores_come_from_members_that_have_not_seen_the_text(run: Run, examples: list[Example]) -> None:
    trained, _ = run(examples, "model.members=2", "training.dev_fraction=0")
    network = trained.network.eval()
    rows = rows_of(trained, examples[:3])
    alone = [network.members[m](*inputs(rows), None) for m in range(2)]
    left_out = [replace(row, held_out_by=bits) for row, bits in zip(rows, (1, 2, 3), strict=True)]
    found = out_of_fold_outputs(network, collate(left_out, CPU))
    wanted = [alone[0].intent[0], alone[1].intent[1], (alone[0].intent[2] + alone[1].intent[2]) / 2]
    torch.testing.assert_close(found.intent, torch.stack(wanted))
    assert all_members(2) == 3


def test_a_members_batch_contains_the_rows_that_it_does_not_leave_out(run: Run, examples: list[Example]) -> None:
    trained, _ = run(examples, "training.dev_fraction=0")
    rows = [
        replace(row, held_out_by=own) for row, own in zip(rows_of(trained, examples[:4]), (0, 1, 2, 0), strict=True)
    ]
    rows[2] = replace(rows[2], intent=-100)
    own, _ = select_learned(0, collate(rows, CPU), None)
    whole = collate([replace(rows[i], held_out_by=0) for i in (0, 2, 3)], CPU)
    assert own["labelled_rows"].tolist() == [0, 2]
    assert all(
        torch.equal(own[name], whole[name][:, : own[name].shape[1]] if own[name].ndim > 1 else whole[name])
        for name in ("intent", "tags", "mask")
    )


def rows_of(trained: Any, given: list[Example]) -> list[Any]:
    from cnlu.config import Config
    from cnlu.training.data.featurize import featurize

    (rows,), _ = featurize(
        [given], trained.extractor, trained.labels, Config(), initial_vocabularies=trained.vocabularies
    )
    return rows


def inputs(rows: list[Any]) -> tuple[torch.Tensor, ...]:
    batch = collate(rows, CPU)
    return batch["characters"], batch["sentence"], batch["mask"]
