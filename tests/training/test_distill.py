"""Distillation of a teacher with an encoder to students without one, on some of its layers, and on another."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers", reason="training needs the extra cnlu[train]")

import torch

import cnlu
from cnlu.config.files import load_config
from cnlu.data.jsonl import write_jsonl
from cnlu.errors import DataError, ModelError, UsageError
from cnlu.export.quantize import quantize
from cnlu.runtime.model_dir import read_model_dir, write_model_dir
from cnlu.training.distill import Distillation, _copies, distill
from cnlu.training.fit.dev_evaluator import DevEvaluator
from cnlu.training.pipeline import TrainingResult
from cnlu.training.request import Request
from cnlu.training.train import train
from cnlu.training.transfer.teacher import as_example, teacher_answers
from cnlu.training.transfer.trained_model import TrainedModel
from tests.training.distillation import EXAMPLES, LEARNS, LOOKUPS, NARROW, history, wide_bert

Run = Callable[..., tuple[TrainingResult, list[str]]]


@pytest.fixture(scope="module")
def teacher(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with an encoder, two intents, an entity type with two roles, a lookup table and a synonym."""
    folder = tmp_path_factory.mktemp("teacher")
    write_jsonl(EXAMPLES[::2], folder / "examples.jsonl")
    (folder / "lookups.yml").write_text(LOOKUPS, encoding="utf-8")
    config = load_config(
        None,
        [
            *NARROW,
            *LEARNS,
            "features.lexicon=extractor",
            "model.tagging=BILOU",
            "training.max_epochs=12",
            "training.min_epochs=12",
        ],
        encoder=True,
    )
    train(Request([folder], folder / "model", config, encoder=str(tiny_bert), device="cpu", quiet=True))
    return folder / "model"


@pytest.fixture
def sentences(tmp_path: Path) -> Path:
    """A file of sentences without annotations. The teacher was trained on half of them."""
    path = tmp_path / "sentences.txt"
    path.write_text("\n".join(example.text for example in EXAMPLES), encoding="utf-8")
    return path


@pytest.fixture
def run(teacher: Path, sentences: Path, tmp_path: Path) -> Run:
    """Distil; returns the result of `distill` and its log."""

    def go(
        student: str,
        *overrides: str,
        name: str = "student",
        of: Path = teacher,
        options: dict[str, Any] | None = None,
        **request: Any,
    ) -> tuple[TrainingResult, list[str]]:
        config = load_config(None, [*NARROW, *overrides], encoder=student != "none")
        messages: list[str] = []
        given = {"data": [sentences], "device": "cpu", "quiet": True, **request}
        asked = Request(out=tmp_path / name, config=config, encoder=None if student == "none" else student, **given)
        return distill(Distillation(of, student, **(options or {})), asked, messages.append), messages

    return go


def test_a_student_without_an_encoder_answers_new_sentences_as_its_teacher(
    run: Run, teacher: Path, tmp_path: Path, without_export: None
) -> None:
    texts = [example.text for example in EXAMPLES]
    master = [as_example(result) for result in cnlu.load(teacher).parse_batch(texts[2::3])]
    assert len({(example.intent, example.entities) for example in master}) > 20  # else there is little to agree on
    write_jsonl(master, tmp_path / "master.jsonl")
    (tmp_path / "others.txt").write_text("\n".join(texts[::3] + texts[1::3]), encoding="utf-8")
    trained, _ = run("none", *LEARNS, data=[tmp_path / "others.txt"], dev=[tmp_path / "master.jsonl"])
    assert trained.dev_metrics is not None and trained.dev_metrics["frame_accuracy"] > 0.9


def test_a_tenth_of_the_sentences_is_held_out_with_the_teachers_answers(
    run: Run, tmp_path: Path, without_export: None
) -> None:
    trained, messages = run("none")
    assert f"dev: the student is compared with its teacher on texts held out ({len(EXAMPLES) // 10})" in messages
    assert trained.dev_metrics is not None and trained.dev_metrics["n"] == len(EXAMPLES) // 10
    assert trained.dev_metrics["entity_role"]["per_type"].keys() >= {"city:from", "city:to"}
    report = json.loads((tmp_path / "student" / "training.json").read_text(encoding="utf-8"))
    assert report["distilled"]["texts"] == len(EXAMPLES) - len(EXAMPLES) // 10
    assert report["temperature"] != 1.0  # fitted


def test_copies_with_other_values_are_trained_on_but_never_dev_texts(
    run: Run, tmp_path: Path, without_export: None
) -> None:
    given, dev = EXAMPLES[::9], EXAMPLES[1::9]
    write_jsonl(given, tmp_path / "given.jsonl")
    write_jsonl(dev, tmp_path / "dev.jsonl")
    _, messages = run("none", data=[tmp_path / "given.jsonl"], dev=[tmp_path / "dev.jsonl"], options={"copies": 3})
    report = json.loads((tmp_path / "student" / "training.json").read_text(encoding="utf-8"))
    copies = report["distilled"]["texts"] - len(given)
    assert f"adding {copies} copies of sentences with other entity values" in messages
    config = load_config(None, NARROW)
    request = Request([tmp_path / "given.jsonl"], tmp_path / "x", config)
    texts = _copies(3, [example.text for example in given], dev, request, messages.append)
    assert len(texts) == copies > 5 and not {example.text for example in (*given, *dev)} & set(texts)


def test_labels_tags_and_dictionaries_are_the_teachers(
    run: Run, teacher: Path, tmp_path: Path, without_export: None
) -> None:
    run("none")
    for name in ("labels.json", "lexicon.json"):
        assert (tmp_path / "student" / name).read_bytes() == (teacher / name).read_bytes()
    config = json.loads((tmp_path / "student" / "config.json").read_text(encoding="utf-8"))
    assert (config["model"]["tagging"], config["features"]["lexicon"]) == ("BILOU", "extractor")


def test_a_student_on_layers_of_the_teachers_encoder_uses_its_tokenizer(
    run: Run, teacher: Path, tmp_path: Path, without_export: None
) -> None:
    trained, messages = run("layers=1", "encoder.members=1")
    assert (
        trained.network.aligned_encoder is not None and trained.network.aligned_encoder.backbone.num_hidden_layers == 1
    )
    assert (tmp_path / "student" / "tokens.json").read_bytes() == (teacher / "tokens.json").read_bytes()
    assert any("[UNK] to the encoder" in line for line in messages)
    assert [epoch["hidden"] > 0 for epoch in history(tmp_path / "student")] == [True, True]
    assert not hasattr(trained.network, "bridge")


def test_the_kept_layers_start_with_the_teachers_weights(run: Run, teacher: Path, without_export: None) -> None:
    trained, _ = run("layers=2", "encoder.learning_rate=0")
    assert trained.network.aligned_encoder is not None
    kept, taught = (
        trained.network.aligned_encoder.backbone.state_dict(),
        TrainedModel.load(teacher, 1).aligned_encoder().backbone.state_dict(),
    )
    assert kept.keys() == taught.keys() and all(torch.equal(kept[name], taught[name]) for name in kept)


def test_the_teachers_encoder_gives_the_same_output_in_torch_and_onnx(teacher: Path) -> None:
    """The hidden states that a student learns from are those behind the scores."""
    found = TrainedModel.load(teacher, 1)
    answers, _ = teacher_answers(found, ["订从北京到上海的票"], 1 << 20, teacher.parent, True)
    scores = found.model.scores("订从北京到上海的票")
    assert answers.characters[:, : answers.columns[0]] == pytest.approx(scores.emissions, abs=0.02)
    assert answers.intents[0] == pytest.approx(scores.intent, abs=0.02)


def test_hidden_states_of_another_width_and_tokenizer_approach_the_teachers(
    run: Run, tmp_path: Path, tiny_bert: Path, without_export: None
) -> None:
    trained, _ = run(wide_bert(tmp_path / "wide", tiny_bert), "training.max_epochs=8", "training.min_epochs=8")
    losses = [epoch["hidden"] for epoch in history(tmp_path / "student")]
    assert 0 < losses[-1] < 0.7 * losses[0]
    assert not hasattr(trained.network, "bridge")


@pytest.mark.parametrize(("options", "overrides"), [({"hidden": 0.0}, []), ({}, ["encoder.tuning=frozen"])])
def test_hidden_states_are_skipped_with_weight_0_or_a_frozen_encoder(
    run: Run, tmp_path: Path, options: dict[str, Any], overrides: list[str], without_export: None
) -> None:
    run("layers=1", *overrides, options=options)
    assert all("hidden" not in epoch for epoch in history(tmp_path / "student"))


@pytest.fixture
def teacher_in_8_bits(teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The teacher as --int8 stores it, small matrices included."""
    monkeypatch.setattr("cnlu.export.quantize.MIN_WEIGHTS", 1)
    files = read_model_dir(teacher)
    training = json.loads(files.files["training.json"]) | {"int8": True}
    changed = {"model.onnx": quantize(files.files["model.onnx"]), "training.json": json.dumps(training).encode()}
    write_model_dir(tmp_path / "in-8-bits", files.files | changed, {"segmenter": files.manifest["segmenter"]})
    return tmp_path / "in-8-bits"


def test_a_student_learns_from_the_encoder_of_a_teacher_in_8_bits(
    run: Run, teacher: Path, teacher_in_8_bits: Path, tmp_path: Path, without_export: None
) -> None:
    trained, _ = run("layers=2", "encoder.learning_rate=0", of=teacher_in_8_bits)
    assert [epoch["hidden"] > 0 for epoch in history(tmp_path / "student")] == [True, True]
    assert json.loads((tmp_path / "student" / "training.json").read_text("utf-8"))["int8"] is False
    assert trained.network.aligned_encoder is not None
    original = TrainedModel.load(teacher, 1).aligned_encoder().backbone
    for name, kept in trained.network.aligned_encoder.backbone.named_parameters():
        expected = original.get_parameter(name)
        assert torch.allclose(kept, expected, atol=expected.detach().abs().max().item() / 127), name


@pytest.fixture
def without_metadata(teacher: Path, tmp_path: Path) -> Path:
    """The teacher without its encoder's metadata, as with encoder.prune_heads."""
    import onnx

    files = read_model_dir(teacher)
    graph = onnx.load_from_string(files.files["model.onnx"])
    del graph.metadata_props[:]
    extra = {"segmenter": files.manifest["segmenter"]}
    write_model_dir(tmp_path / "pruned", {**files.files, "model.onnx": graph.SerializeToString()}, extra)
    return tmp_path / "pruned"


def test_a_teacher_whose_encoder_cannot_be_recovered_still_gives_its_scores(
    run: Run, without_metadata: Path, tmp_path: Path, tiny_bert: Path, without_export: None
) -> None:
    _, messages = run(str(tiny_bert), of=without_metadata)
    assert any(line.startswith("note: the student does not learn from hidden states") for line in messages)
    assert "hidden" not in history(tmp_path / "student")[0]
    for student, options in (("layers=1", {}), (str(tiny_bert), {"hidden": 1.0})):
        with pytest.raises(UsageError, match="pruned: the encoder cannot be recovered"):
            run(student, of=without_metadata, name="other", options=options)


def test_annotated_dev_examples_are_evaluated_on_and_not_trained_on(
    run: Run, tmp_path: Path, without_export: None
) -> None:
    write_jsonl([replace(example, intent="ask") for example in EXAMPLES[:30]], tmp_path / "dev.jsonl")
    trained, messages = run("none", dev=[tmp_path / "dev.jsonl"])
    assert trained.dev_metrics is not None and trained.dev_metrics["n"] == 30
    assert any(line.startswith(f"{len(EXAMPLES) - 30} examples") for line in messages)
    with pytest.raises(UsageError, match="training.dev_fraction: has no effect with --dev"):
        run("none", "training.dev_fraction=0.2", dev=[tmp_path / "dev.jsonl"], name="other")


def test_long_texts_are_distilled_in_windows(run: Run, tmp_path: Path, without_export: None) -> None:
    (tmp_path / "long.txt").write_text("".join(f"第{i}句" for i in range(100)) + "订从北京到上海的票", encoding="utf-8")
    (tmp_path / "short.txt").write_text("\n".join(example.text for example in EXAMPLES[:9]), encoding="utf-8")
    data = [tmp_path / "long.txt", tmp_path / "short.txt"]
    _, messages = run("none", "training.max_length=64", "training.dev_fraction=0", data=data)
    (line,) = [line for line in messages if " examples, " in line]
    assert 9 + 400 // 64 < int(line.split()[0]) < 9 + 400 // 32  # windows, and the texts that give the intent


def test_an_interrupted_distillation_resumes_to_the_same_student(
    run: Run, tmp_path: Path, tiny_bert: Path, without_export: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The projection between the two widths is saved too."""
    wide, settings = wide_bert(tmp_path / "wide", tiny_bert), ["training.max_epochs=3", "training.min_epochs=3"]
    run(wide, *settings, name="whole")
    score, calls = DevEvaluator.frame_accuracy, iter(range(1, 100))

    def scored(self: DevEvaluator, network: Any) -> float:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return score(self, network)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(DevEvaluator, "frame_accuracy", scored)
        run(wide, *settings)
    run(wide, *settings, resume=True)
    for name in ("tagger.npy", "training.json"):
        assert (tmp_path / "student" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize(
    ("student", "overrides", "options", "message"),
    [
        ("layers=3", [], {}, "layers=3: the encoder of .*model has 2 layers; keep at most 2"),
        ("layers=0", [], {}, "--student layers=0: is not a number of layers; write a whole number"),
        ("layers=all", [], {}, "--student layers=all: is not a number of layers; write a whole number"),
        ("no/such/directory", [], {}, "no/such/directory: there is no such directory"),
        ("layers=1", ["encoder.keep_layers=2"], {}, "encoder.keep_layers: has no effect with --student layers=1"),
        ("none", ["model.tagging=BIO", "features.lexicon=off"], {}, "features.lexicon: a student has its teacher's"),
        ("none", ["model.entity_weight=0"], {}, "model.entity_weight: is 0"),
        ("none", ["model.negatives=3"], {}, "model.negatives: has no effect on a student"),
        ("none", [], {"hidden": 1.0}, "--hidden: has no effect on a student without an encoder"),
        ("none", [], {"temperature": 0.0}, "--temperature: is 0.0; it must be at least 0.1"),
        ("none", [], {"copies": 2}, "--copies: there are no annotated entities in --data"),
        ("none", [], {"copies": -1}, "--copies: is -1; it must be at least 0"),
        ("none", [], {"max_texts": 0}, "--max-texts: is 0; it must be at least 1"),
    ],
)
def test_options_of_distillation_that_do_not_fit_are_refused(
    run: Run, tmp_path: Path, student: str, overrides: list[str], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        run(student, *overrides, options=options)
    assert not (tmp_path / "student").exists()


def test_a_teacher_that_cannot_be_loaded_is_refused(run: Run, tmp_path: Path, sentences: Path) -> None:
    with pytest.raises(ModelError, match="missing"):
        run("none", of=tmp_path / "missing")
    with pytest.raises(DataError, match="there is no text"):
        (tmp_path / "empty.txt").write_text("\n \n", encoding="utf-8")
        run("none", data=[tmp_path / "empty.txt"])
