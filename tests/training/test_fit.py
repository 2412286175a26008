"""The training loop: early stopping, the kept weights, refitting, and memory."""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

import torch

from cnlu.config import ModelConfig, TrainingConfig
from cnlu.data.jsonl import write_jsonl
from cnlu.data.schema import Entity, Example
from cnlu.data.split import stratified_split
from cnlu.errors import DataError, ModelError, UsageError
from cnlu.training.fit.dev_evaluator import DevEvaluator
from cnlu.training.fit.loop import planned_epochs

Run = Callable[..., tuple[object, list[str]]]
pytestmark = pytest.mark.usefixtures("without_export")


def training_report(model: Path) -> dict:  # type: ignore[type-arg]
    return json.loads((model / "training.json").read_text(encoding="utf-8"))


def scores(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> list[torch.Tensor]:
    """Replace the dev scores by `values`; returns a list that collects a weight of the network at each evaluation."""
    seen: list[torch.Tensor] = []

    def scored(self: DevEvaluator, network):  # type: ignore[no-untyped-def]
        seen.append(next(network.parameters()).detach().clone())
        return values[len(seen) - 1]

    monkeypatch.setattr(DevEvaluator, "frame_accuracy", scored)
    return seen


def test_training_stops_when_the_dev_split_gets_no_better(
    run: Run, examples: list[Example], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scores(monkeypatch, [0.1, 0.9, 0.3, 0.4, 0.5, 0.6])
    _, messages = run(examples, "training.max_epochs=6", "training.patience=2")
    assert (len(training_report(tmp_path / "model")["history"]), training_report(tmp_path / "model")["best_epoch"]) == (
        4,
        2,
    )
    assert "best of 4 epochs was 2" in messages[-1]


def test_the_best_epochs_weights_are_kept(run: Run, examples: list[Example], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnlu.training.pipeline._finish", lambda network: None)
    for name in ("halve_tables", "round_tables"):
        monkeypatch.setattr(f"cnlu.training.pipeline.{name}", lambda network: None, raising=False)
    seen = scores(monkeypatch, [0.1, 0.9, 0.3, 0.4])
    trained, _ = run(examples, "training.max_epochs=4")
    kept = next(trained.network.parameters())  # type: ignore[attr-defined]
    assert [torch.equal(kept, weights) for weights in seen] == [False, True, False, False]


def test_without_dev_examples_the_last_epoch_is_kept_and_logged(
    run: Run, examples: list[Example], tmp_path: Path
) -> None:
    _, messages = run(examples, "training.dev_fraction=0")
    assert any("no dev examples" in line and "last epoch is kept" in line for line in messages)
    found = training_report(tmp_path / "model")
    assert (found["best_epoch"], found["dev"], found["temperature"]) == (3, None, 1.0)


def test_few_dev_examples_calibrate_but_do_not_choose_the_epoch(
    run: Run, examples: list[Example], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scores(monkeypatch, [0.9, 0.1, 0.1])
    _, messages = run(examples, "training.min_dev=100")
    assert any("fewer dev examples than training.min_dev (100) are too few to choose" in line for line in messages)
    found = training_report(tmp_path / "model")
    assert found["best_epoch"] == 3 and found["temperature"] != 1.0 and found["dev"] is not None
    assert "written after 3 epochs; left out:" in messages[-1]


@pytest.mark.parametrize(("share", "passes"), [(0.5, 2), (0.0, 0)])
def test_few_held_out_examples_join_the_refit_after_calibration(
    run: Run, examples: list[Example], tmp_path: Path, share: float, passes: int
) -> None:
    _, held_out = stratified_split(examples, 0.1, 1)
    odd = [replace(e, entities=(replace(e.entities[0], entity="odd"),)) if e in held_out else e for e in examples]
    run(odd, "training.min_dev=100", f"training.refit={share}")
    known = json.loads((tmp_path / "model" / "labels.json").read_text(encoding="utf-8"))["entities"]
    assert (training_report(tmp_path / "model")["refit_epochs"], "odd" in known) == (passes, passes > 0)


def test_enough_held_out_examples_stay_held_out(run: Run, examples: list[Example], tmp_path: Path) -> None:
    run(examples, "training.min_dev=1")
    assert training_report(tmp_path / "model")["refit_epochs"] == 0


def test_settings_of_the_dev_split_without_effect_are_refused(
    run: Run, examples: list[Example], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="training.patience: has no effect with no dev examples"):
        run(examples, "training.dev_fraction=0", "training.patience=1")
    with pytest.raises(UsageError, match=r"training.patience: has no effect with fewer .* than training.min_dev \(100"):
        run(examples, "training.patience=1", "training.min_dev=100")
    with pytest.raises(UsageError, match="training.refit: has no effect with no dev examples"):
        run(examples, "training.dev_fraction=0", "training.refit=1")
    with pytest.raises(UsageError, match="training.refit: has no effect with .* at least training.min_dev"):
        run(examples, "training.refit=1")
    write_jsonl(examples[:2], tmp_path / "dev.jsonl")
    with pytest.raises(UsageError, match="training.refit: has no effect with --dev"):
        run(examples, "training.refit=1", dev=[tmp_path / "dev.jsonl"])
    with pytest.raises(UsageError, match="training.dev_fraction: has no effect with --dev"):
        run(examples, "training.dev_fraction=0.2", dev=[tmp_path / "dev.jsonl"])


def test_a_dev_file_leaves_all_examples_for_training(run: Run, examples: list[Example], tmp_path: Path) -> None:
    write_jsonl([examples[0], Example(" ", "go")], tmp_path / "dev.jsonl")
    _, messages = run(examples, dev=[tmp_path / "dev.jsonl"])
    assert any(line.startswith("16 examples, ") and " 1 dev examples" in line for line in messages)


def tensors_alive() -> int:
    gc.collect()
    return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())


def test_memory_does_not_grow_with_epochs(run: Run, examples: list[Example], monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[int] = []

    def counted(self: DevEvaluator, network):  # type: ignore[no-untyped-def]
        alive.append(tensors_alive() if len(alive) in (2, 11) else 0)
        return 1.0 - len(alive) / 100

    monkeypatch.setattr(DevEvaluator, "frame_accuracy", counted)
    settings = ["training.max_epochs=12", "training.patience=12", "training.checkpoint_seconds=3600"]
    run(examples, *settings)
    assert len(alive) == 12 and 0 < alive[11] <= alive[2]  # tensors of earlier tests may be freed in between


def test_a_diverging_training_is_an_error_and_writes_nothing(
    run: Run, examples: list[Example], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        "cnlu.training.fit.step.joint_loss",
        lambda network, outputs, batch: {"entity": outputs.emissions.sum() * math.nan},
    )
    with pytest.raises(ModelError, match=r"training.learning_rate: training diverged.*; lower it"):
        run(examples, "training.dev_fraction=0")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("weight", ["intent", "entity"])
def test_a_task_of_weight_0_is_neither_trained_nor_predicted(
    run: Run, examples: list[Example], weight: str, tmp_path: Path
) -> None:
    run(examples, f"model.{weight}_weight=0", f"model.label_width={ModelConfig().label_width}")
    labels = json.loads((tmp_path / "model" / "labels.json").read_text(encoding="utf-8"))
    assert bool(labels["intents"]) == (weight == "entity") and bool(labels["entities"]) == (weight == "intent")


def test_a_weight_of_0_for_the_only_annotated_task_is_refused(run: Run, examples: list[Example]) -> None:
    bare = [Example(example.text, example.intent) for example in examples]
    with pytest.raises(DataError, match=r"examples.jsonl: nothing is left to learn.*model.intent_weight is 0"):
        run(bare, "model.intent_weight=0", f"model.label_width={ModelConfig().label_width}")


def test_examples_without_any_annotation_are_refused(run: Run) -> None:
    with pytest.raises(DataError, match=r"examples.jsonl: no example has an intent or an entity; annotate"):
        run([Example("你好"), Example("再见")])


def test_blank_examples_are_left_out_and_counted(run: Run, examples: list[Example]) -> None:
    _, messages = run([*examples, Example(" \t", "go"), Example("　", "ask")], "training.dev_fraction=0")
    assert "note: 2 examples without text are left out." in messages


def test_the_masked_character_loss_falls(run: Run, examples: list[Example], tmp_path: Path) -> None:
    wider = [
        "model.sparse_width=32",
        "model.width=32",
        "training.max_epochs=90",
        "training.learning_rate=1e-2",
        "training.sparse_learning_rate=2e-2",
    ]
    run(examples, "model.masked_tokens=1", "training.dev_fraction=0", *wider)
    losses = [epoch["masked"] for epoch in training_report(tmp_path / "model")["history"]]
    assert sum(losses[-20:]) < 0.9 * sum(losses[:20])


def test_dictionary_hits_count_on_the_dev_split_where_they_are_extractors(
    run: Run, examples: list[Example], tmp_path: Path
) -> None:
    bare = [Example(example.text, example.intent) for example in examples]
    known = Example("我要去南宁", "go", (Entity(3, 5, "city", "南宁"),))
    write_jsonl([known], tmp_path / "dev.jsonl")
    (tmp_path / "lookups.yml").write_text(
        'version: "3.1"\nnlu:\n- lookup: city\n  examples: |\n    - 南宁\n', encoding="utf-8"
    )
    for mode, recall in (("hint", 0.0), ("extractor", 1.0)):
        trained, _ = run(
            bare,
            f"features.lexicon={mode}",
            name=mode,
            dev=[tmp_path / "dev.jsonl"],
            data=[tmp_path / "examples.jsonl", tmp_path / "lookups.yml"],
        )
        assert trained.dev_metrics["entity"]["recall"] == recall  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "values"), [("value_dropout", (0, 0.5)), ("members", (1, 2))])
def test_a_setting_of_the_training_reaches_the_loop(
    run: Run, examples: list[Example], tmp_path: Path, name: str, values: tuple[float, float]
) -> None:
    for value in values:
        run(examples, f"model.{name}={value}", "training.dev_fraction=0", name=f"model{value}")
    one, other = ((tmp_path / f"model{value}" / "tagger.npy").read_bytes() for value in values)
    assert one != other


def test_the_number_of_epochs_depends_on_the_amount_of_data() -> None:
    usual = TrainingConfig()
    assert planned_epochs(usual, 2000) == usual.epochs
    assert planned_epochs(usual, 20) * 1 == usual.min_steps  # one step a pass
    assert planned_epochs(usual, 5000) * 5000 <= usual.max_examples
    assert planned_epochs(usual, 10**6) == usual.min_epochs
    assert planned_epochs(TrainingConfig(min_epochs=1, max_epochs=3), 20) == 3


def test_the_out_of_scope_scorer_is_fitted_on_held_out_examples(
    run: Run, examples: list[Example], tmp_path: Path
) -> None:
    run(examples)
    assert set(training_report(tmp_path / "model")["oos_scorer"]) == {"edge", "width", "weight", "characters"}
    run(examples, "training.dev_fraction=0", name="blind")
    assert training_report(tmp_path / "blind")["oos_scorer"] is None


def test_an_out_of_scope_intent_without_examples_is_refused(run: Run, examples: list[Example]) -> None:
    with pytest.raises(UsageError, match="model.out_of_scope: no example has the intent other; name an intent"):
        run(examples, "model.out_of_scope=other")
