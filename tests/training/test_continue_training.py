"""`cnlu train --from MODEL`: what is known stays, what is new is learned."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

import torch

import cnlu
from cnlu.cli import main
from cnlu.config.files import load_config
from cnlu.data.jsonl import write_jsonl
from cnlu.data.schema import Entity, Example, NluData
from cnlu.errors import DataError, ModelError, UsageError
from cnlu.export.network_weights import NETWORK_WEIGHTS
from cnlu.runtime.model_dir import read_model_dir, write_model_dir
from cnlu.text.view import view
from cnlu.training.continue_training import _add_dictionaries, continue_training
from cnlu.training.data import replay
from cnlu.training.data.replay import replay_examples, replay_files, sample_by_intent
from cnlu.training.pipeline import TrainingResult
from cnlu.training.request import Request
from cnlu.training.train import train
from tests.training.small import EXAMPLES, SMALL

LONGER = [*SMALL, "training.max_epochs=60", "training.learning_rate=2e-2", "training.continue_share=1.0"]
NEW = [
    *(
        Example(f"{log}{food}", "eat", (Entity(len(log), len(log) + len(food), "food", food),))
        for log in ("我要吃", "来一份", "点个")
        for food in ("面条", "米饭", "饺子", "烤鸭")
    ),
    *(Example(text, "bye") for text in ("再见", "拜拜", "回头见", "下次聊")),
]


def options(place: Path, given: list[Example], name: str, *overrides: str, **more: Any) -> Request:
    write_jsonl(given, place / f"{name}.jsonl")
    settings = load_config(None, [*LONGER, *overrides] if name == "grown" else [*SMALL, *LONGER[-3:-1], *overrides])
    return Request([place / f"{name}.jsonl"], place / name, settings, device="cpu", quiet=True, **more)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows where to go and what to ask."""
    place = tmp_path_factory.mktemp("growth")
    train(options(place, EXAMPLES, "base"))
    return place / "base"


@pytest.fixture(scope="module")
def grown(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    said: list[str] = []
    place = tmp_path_factory.mktemp("grown")
    continue_training(base, options(place, NEW, "grown"), said.append)
    return place / "grown", said


def test_new_intents_and_entity_types_are_learned(grown: tuple[Path, list[str]]) -> None:
    result = cnlu.load(grown[0]).parse("来一份饺子")
    assert result["intent"]["name"] == "eat"
    assert [(e["entity"], e["value"]) for e in result["entities"]] == [("food", "饺子")]


def test_old_labels_are_not_forgotten(grown: tuple[Path, list[str]]) -> None:
    model = cnlu.load(grown[0])
    for example in EXAMPLES:
        result = model.parse(example.text)
        assert result["intent"]["name"] == example.intent
        assert [e["value"] for e in result["entities"]] == [e.value for e in example.entities]


def test_it_is_told_what_is_new(grown: tuple[Path, list[str]]) -> None:
    assert any("2 intents known, 2 new: bye, eat" in line for line in grown[1])
    assert any("1 entity types known, 1 new: food" in line for line in grown[1])


@pytest.mark.usefixtures("without_export")
def test_it_says_that_few_held_out_examples_do_not_calibrate_anew(base: Path, tmp_path: Path) -> None:
    said: list[str] = []
    continue_training(
        base, options(tmp_path, NEW, "grown", "training.min_dev=100", "training.max_epochs=1"), said.append
    )
    assert any("the last is kept, calibrated as before; then all are learned from." in line for line in said)


def test_it_begins_with_the_answers_of_the_model(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cnlu.load(base)
    begun: list[TrainingResult] = []

    def stop(network: Any, *_: Any) -> Any:
        begun.append(network)
        raise KeyboardInterrupt

    monkeypatch.setattr("cnlu.training.pipeline.fit", lambda run, resume: stop(run.network))
    with pytest.raises(KeyboardInterrupt):
        continue_training(base, options(tmp_path, NEW, "grown"))
    network: Any = begun[0].eval()
    features = before.extractor.extract(view("我要去北京"))
    # ids of the grown vocabulary: the old features in their old order, new ones between
    assert len(network.networks()[0].characters.table.weight) > len(before.characters)
    scores = before.scores("我要去北京").intent
    ids = _grown_ids(base, network, features)
    with torch.no_grad():
        found = network(ids).intent[0].numpy()
    names = ["ask", "bye", "eat", "go"]
    old = [names.index(name) for name in before.labels.intents]
    assert found[old] == pytest.approx(scores, abs=1e-3)


def _grown_ids(base: Path, network: Any, features: Any) -> dict[str, torch.Tensor]:
    """Rows of known features by their weights' places: those that are not 0, in the vocabulary's order."""
    before = cnlu.load(base)
    batch: dict[str, torch.Tensor] = {}
    for name, table, rows in (
        ("characters", before.characters, before.characters.rows(features.characters)),
        ("sentence", before.sentence, before.sentence.row(features.sentence)[None]),
    ):
        weight = getattr(network.networks()[0], name).table.weight
        places = torch.tensor([0, *torch.nonzero(weight.abs().sum(1))[:, 0].tolist()])
        assert len(places) == len(table)
        batch[name] = places[torch.from_numpy(rows).long()]
    return batch | {"characters": batch["characters"][None], "mask": torch.ones(1, len(features.characters))}


def test_what_the_user_gives_anew_replaces_the_kept_example(base: Path, tmp_path: Path) -> None:
    changed = [Example(EXAMPLES[0].text, "bye"), *NEW]
    trained = continue_training(base, options(tmp_path, changed, "grown", "training.dev_fraction=0"))
    assert trained.labels.intents == ["ask", "bye", "eat", "go"]
    learned, _ = replay_examples(read_model_dir(tmp_path / "grown").files)
    assert [e.intent for e in learned if e.text == EXAMPLES[0].text] == ["bye"]


def test_a_model_without_examples_says_which_labels_are_forgotten(tmp_path: Path) -> None:
    said: list[str] = []
    train(options(tmp_path, EXAMPLES, "base", store_examples=False), said.append)
    assert any("holds no examples" in line for line in said)
    assert replay_examples(read_model_dir(tmp_path / "base").files) == ([], [])
    continue_training(tmp_path / "base", options(tmp_path, NEW, "grown"), said.append)
    assert any("nor the data have examples of ask, go, city" in line for line in said)


def test_a_grown_model_can_grow_again(grown: tuple[Path, list[str]], tmp_path: Path) -> None:
    continue_training(
        grown[0], options(tmp_path, [Example(t, "thank") for t in ("谢谢", "多谢了", "谢谢你", "感谢")], "grown")
    )
    assert cnlu.load(tmp_path / "grown").labels.intents == ["ask", "bye", "eat", "go", "thank"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"encoder": "anything"}, "--encoder: has no effect with --from"),
        ({"int8": True}, "--int8: has no effect, for .* has no encoder"),
        ({"config": load_config(None, [*SMALL, "model.tagging=BILOU"])}, "model.tagging"),
        ({"config": load_config(None, [*SMALL, "features.words=false"])}, "features.words"),
    ],
)
def test_what_could_have_no_effect_is_refused(base: Path, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    request = options(tmp_path, NEW, "grown")
    for name, value in change.items():
        setattr(request, name, value)
    with pytest.raises(UsageError, match=said):
        continue_training(base, request)
    assert not (tmp_path / "grown").exists()


def test_settings_of_growth_need_a_model_to_grow_from(run: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match=r"training\.continue_share: has no effect without --from"):
        run(EXAMPLES, "training.continue_share=0.5")


def test_a_number_of_examples_to_keep_needs_keeping(run: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match=r"training\.replay: has no effect with --no-store-examples"):
        run(EXAMPLES, "training.replay=5", store_examples=False)


def test_a_model_without_weights_parses_and_cannot_be_continued(tmp_path: Path) -> None:
    said: list[str] = []
    train(options(tmp_path, EXAMPLES, "base", store_weights=False), said.append)
    assert any("it can parse, but `cnlu train --from` cannot continue it" in line for line in said)
    assert not (tmp_path / "base" / NETWORK_WEIGHTS).exists()
    assert cnlu.load(tmp_path / "base").parse("我要去北京")["intent"]["name"] == "go"
    with pytest.raises(ModelError, match=r"base: holds no network\.safetensors, so training cannot continue from it"):
        continue_training(tmp_path / "base", options(tmp_path, NEW, "grown"))
    assert not (tmp_path / "grown").exists()


def test_an_int8_model_holds_no_weights_anyway(run: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match="--no-store-weights: has no effect with --int8"):
        run(EXAMPLES, encoder="anything", int8=True, store_weights=False)


def test_a_missing_or_damaged_weights_file_is_refused(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "old")
    file = tmp_path / "old" / NETWORK_WEIGHTS
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    for said in (r"network\.safetensors: is damaged", r"network\.safetensors: is missing"):
        with pytest.raises(ModelError, match=said):
            continue_training(tmp_path / "old", options(tmp_path, NEW, "grown"))
        file.unlink(missing_ok=True)


def test_a_model_of_other_words_is_refused(base: Path, tmp_path: Path) -> None:
    write_model_dir(tmp_path / "old", read_model_dir(base).files, {"segmenter": "another"})
    with pytest.warns(UserWarning), pytest.raises(UsageError, match="another jieba dictionary"):
        continue_training(tmp_path / "old", options(tmp_path, NEW, "grown"))


def test_a_model_of_a_newer_format_is_refused(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = read_model_dir(base).files
    monkeypatch.setattr("cnlu.runtime.model_dir.FORMAT", 99)
    write_model_dir(tmp_path / "newer", files, {"segmenter": "any"})
    monkeypatch.undo()
    with pytest.raises(ModelError, match="made by a newer cnlu"):
        continue_training(tmp_path / "newer", options(tmp_path, NEW, "grown"))


def test_a_damaged_model_is_refused(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "old")
    (tmp_path / "old" / "examples.jsonl.gz").write_bytes(b"")
    with pytest.raises(ModelError, match="truncated"):
        continue_training(tmp_path / "old", options(tmp_path, NEW, "grown"))


def test_the_command_line_grows(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_jsonl(NEW, tmp_path / "new.jsonl")
    code = main(
        [
            "train",
            str(tmp_path / "new.jsonl"),
            "--from",
            str(base),
            "--out",
            str(tmp_path / "model"),
            "--set",
            "training.max_epochs=3",
            "--set",
            "training.min_epochs=1",
        ]
    )
    assert code == 0 and "2 new: bye, eat" in capsys.readouterr().err
    assert cnlu.load(tmp_path / "model").labels.entities == ["city", "food"]


def test_kept_examples_come_back_as_they_were() -> None:
    files = replay_files(EXAMPLES, NEW, 100, 1)
    assert replay_examples(files) == (EXAMPLES, NEW)
    assert replay_files(EXAMPLES, NEW, 100, 1) == files


def test_of_too_many_examples_each_intent_keeps_its_share() -> None:
    many = [*(Example(f"去{i}", "go") for i in range(100)), Example("再见", "bye"), Example("拜拜", "bye")]
    kept = sample_by_intent(many, 10, 1)
    assert len(kept) == 10 and sum(e.intent == "bye" for e in kept) == 2
    assert kept == [e for e in many if e in kept]


def test_an_encoder_stays_under_the_model(tiny_bert_model: Path, tmp_path: Path) -> None:
    before = cnlu.load(tiny_bert_model)
    config = load_config(None, ["training.max_epochs=2", "training.min_epochs=1"], encoder=True)
    write_jsonl(NEW, tmp_path / "new.jsonl")
    continue_training(
        tiny_bert_model, Request([tmp_path / "new.jsonl"], tmp_path / "grown", config, device="cpu", quiet=True)
    )
    after = cnlu.load(tmp_path / "grown")
    assert after.tokens is not None and after.config.encoder.tuning == "frozen"
    assert after.labels.intents == sorted({*before.labels.intents, "bye", "eat"})
    assert after.labels.roles == before.labels.roles
    (text, intent), *_ = [(e.text, e.intent) for e in NEW]
    assert after.parse(text)["intent"]["name"] in {intent, *before.labels.intents}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(b" " * 5000), "more than 0 MB unpacked"),
        (b"no gzip", "cannot be unpacked"),
        (gzip.compress(b"abc" * 99)[:-9], "cannot be unpacked"),
        (gzip.compress(b"\xff"), "cannot be unpacked"),
    ],
    ids=["too much", "no gzip", "cut", "no text"],
)
def test_kept_examples_that_somebody_else_packed_are_unpacked_within_a_limit(
    monkeypatch: pytest.MonkeyPatch, content: bytes, said: str
) -> None:
    monkeypatch.setattr(replay, "_MAX_BYTES", 1000)
    with pytest.raises(DataError, match=said):
        replay_examples({replay.TRAINED: content})


def test_dictionaries_are_united_and_of_two_values_the_new_one_counts_type_by_type() -> None:
    new = NluData(synonyms={"京": "北京"}, synonyms_of={"size": {"大": "L"}})
    _add_dictionaries(
        new,
        NluData(
            synonyms={"京": "东京", "沪": "上海"}, synonyms_of={"size": {"大": "XL", "小": "S"}, "cup": {"大": "大杯"}}
        ),
    )
    assert new.synonyms == {"京": "北京", "沪": "上海"}
    assert new.synonyms_of == {"size": {"大": "L", "小": "S"}, "cup": {"大": "大杯"}}
