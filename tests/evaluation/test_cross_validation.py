"""Pooled figures of a cross-validation."""

from __future__ import annotations

from typing import Any

import pytest

from cnlu.data.schema import Example
from cnlu.evaluation.cross_validation import format_folds, pooled
from cnlu.evaluation.metrics import evaluate
from cnlu.runtime.labels import Labels


def _answer(intent: str) -> dict[str, Any]:
    return {"intent": {"name": intent, "confidence": 0.8}, "entities": []}


GOLD = [Example("一", "a"), Example("二", "a"), Example("三", "b"), Example("四", "once")]
ANSWERS = [_answer("a"), _answer("b"), _answer("b"), _answer("a")]
KNOWN = [Labels(["a", "b", "once"], [], {}, {}), Labels(["a", "b"], [], {}, {})]
EACH = [evaluate(GOLD[:2], ANSWERS[:2], KNOWN[0]), evaluate(GOLD[2:], ANSWERS[2:], KNOWN[1])]


def test_the_figures_are_those_of_all_answers_together() -> None:
    metrics = pooled(GOLD, ANSWERS, EACH)
    assert metrics["n"] == 4 and metrics["intent"]["accuracy"] == 0.5
    assert set(metrics) == set(evaluate(GOLD, ANSWERS)) | {"folds"}


def test_mean_and_spread_are_over_the_folds() -> None:
    folds = pooled(GOLD, ANSWERS, EACH)["folds"]
    assert [one["n"] for one in folds["each"]] == [2, 2]
    assert folds["mean"]["frame_accuracy"] == 0.5 and folds["sd"]["frame_accuracy"] == 0.0
    scores = [one["intent"]["macro_f1"] for one in EACH]
    assert folds["mean"]["intent"]["macro_f1"] == pytest.approx(sum(scores) / 2)
    assert folds["sd"]["intent"]["macro_f1"] == pytest.approx(abs(scores[0] - scores[1]) / 2**0.5)
    assert folds["mean"]["entity"] is None


def test_a_label_counts_as_seen_if_the_evaluated_model_had_seen_it() -> None:
    metrics = pooled(GOLD, ANSWERS, EACH)
    assert {label: one["seen"] for label, one in metrics["intent"]["per_label"].items()} == {
        "a": True,
        "b": True,
        "once": False,
    }
    assert metrics["unseen_labels"] == 1


def test_the_table_has_a_line_a_figure() -> None:
    table = format_folds(pooled(GOLD, ANSWERS, EACH)["folds"])
    assert table.splitlines()[0].split() == ["2", "folds", "mean", "spread", "lowest", "highest"]
    assert "frames right" in table and "entity" not in table
