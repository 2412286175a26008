"""`cnlu train --from MODEL`: old labels are kept, new ones are learned."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
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
from cnlu.errors import ModelError, UsageError
from cnlu.export.network_weights import NETWORK_WEIGHTS
from cnlu.runtime.model_dir import read_model_dir, write_model_dir
from cnlu.text.view import view
from cnlu.training.continue_training import _add_dictionaries, continue_training
from cnlu.training.data.replay import replay_examples
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
    settings = load_config(None, [*LONGER, *overrides] if name == "continued" else [*SMALL, *LONGER[-3:-1], *overrides])
    return Request([place / f"{name}.jsonl"], place / name, settings, device="cpu", quiet=True, **more)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with the intents `go` and `ask`."""
    place = tmp_path_factory.mktemp("growth")
    train(options(place, EXAMPLES, "base"))
    return place / "base"


@pytest.fixture(scope="module")
def continued(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    messages: list[str] = []
    place = tmp_path_factory.mktemp("continued")
    continue_training(base, options(place, NEW, "continued"), messages.append)
    return place / "continued", messages


def test_new_intents_and_entity_types_are_learned(continued: tuple[Path, list[str]]) -> None:
    result = cnlu.load(continued[0]).parse("来一份饺子")
    assert result["intent"]["name"] == "eat"
    assert [(e["entity"], e["value"]) for e in result["entities"]] == [("food", "饺子")]


def test_old_labels_are_not_forgotten(continued: tuple[Path, list[str]]) -> None:
    model = cnlu.load(continued[0])
    for example in EXAMPLES:
        result = model.parse(example.text)
        assert result["intent"]["name"] == example.intent
        assert [e["value"] for e in result["entities"]] == [e.value for e in example.entities]


def test_the_log_names_what_is_new(continued: tuple[Path, list[str]]) -> None:
    assert any("2 intents known, 2 new: bye, eat" in line for line in continued[1])
    assert any("1 entity types known, 1 new: food" in line for line in continued[1])


@pytest.mark.usefixtures("without_export")
def test_few_held_out_examples_keep_the_old_calibration(base: Path, tmp_path: Path) -> None:
    messages: list[str] = []
    continue_training(
        base, options(tmp_path, NEW, "continued", "training.min_dev=100", "training.max_epochs=1"), messages.append
    )
    assert any("the last is kept, calibrated as before; then training continues on all." in line for line in messages)


def test_continued_training_starts_with_the_scores_of_the_model(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cnlu.load(base)
    begun: list[TrainingResult] = []

    def stop(network: Any, *_: Any) -> Any:
        begun.append(network)
        raise KeyboardInterrupt

    monkeypatch.setattr("cnlu.training.pipeline.fit", lambda run, resume: stop(run.network))
    with pytest.raises(KeyboardInterrupt):
        continue_training(base, options(tmp_path, NEW, "continued"))
    network: Any = begun[0].eval()
    features = before.extractor.extract(view("我要去北京"))
    # ids of the extended vocabulary: the old features in their old order, new ones between
    assert len(network.networks()[0].characters.table.weight) > len(before.characters)
    scores = before.scores("我要去北京").intent
    ids = _ids_in(base, network, features)
    with torch.no_grad():
        found = network(ids).intent[0].numpy()
    names = ["ask", "bye", "eat", "go"]
    old = [names.index(name) for name in before.labels.intents]
    assert found[old] == pytest.approx(scores, abs=1e-3)


def _ids_in(base: Path, network: Any, features: Any) -> dict[str, torch.Tensor]:
    """The inputs of the extended network: the old features have the rows whose weights are not 0, in the old order."""
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


@pytest.mark.usefixtures("without_export")
def test_a_new_example_replaces_the_stored_one_of_the_same_text(base: Path, tmp_path: Path) -> None:
    changed = [Example(EXAMPLES[0].text, "bye"), *NEW]
    trained = continue_training(base, options(tmp_path, changed, "continued", "training.dev_fraction=0"))
    assert trained.labels.intents == ["ask", "bye", "eat", "go"]
    learned, _ = replay_examples(read_model_dir(tmp_path / "continued").files)
    assert [e.intent for e in learned if e.text == EXAMPLES[0].text] == ["bye"]


def with_graph_of(base: Path, model: Path) -> Path:
    """A copy of a model that was written without its export, with the graph of a model of the same training."""
    files, graph = read_model_dir(model), read_model_dir(base).files["model.onnx"]
    write_model_dir(
        model.parent / "whole", {**files.files, "model.onnx": graph}, {"segmenter": files.manifest["segmenter"]}
    )
    return model.parent / "whole"


@pytest.mark.usefixtures("without_export")
def test_continuing_from_a_model_without_examples_names_the_labels_it_may_forget(base: Path, tmp_path: Path) -> None:
    messages: list[str] = []
    train(options(tmp_path, EXAMPLES, "base", store_examples=False), messages.append)
    assert any("holds no examples" in line for line in messages)
    model = with_graph_of(base, tmp_path / "base")
    assert replay_examples(read_model_dir(model).files) == ([], [])
    continue_training(model, options(tmp_path, NEW, "continued"), messages.append)
    assert any("nor the data have examples of ask, go, city" in line for line in messages)


@pytest.mark.usefixtures("without_export")
def test_training_continues_from_a_continued_model(continued: tuple[Path, list[str]], tmp_path: Path) -> None:
    thanks = [Example(text, "thank") for text in ("谢谢", "多谢了", "谢谢你", "感谢")]
    trained = continue_training(continued[0], options(tmp_path, thanks, "continued"))
    assert trained.labels.intents == ["ask", "bye", "eat", "go", "thank"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder": "anything"}, "--encoder: has no effect with --from"),
        ({"int8": True}, "--int8: has no effect, because .* has no encoder"),
        ({"config": load_config(None, [*SMALL, "model.tagging=BILOU"])}, "model.tagging"),
        ({"config": load_config(None, [*SMALL, "features.words=false"])}, "features.words"),
    ],
)
def test_an_option_or_setting_without_effect_is_refused(
    base: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    request = options(tmp_path, NEW, "continued")
    for name, value in change.items():
        setattr(request, name, value)
    with pytest.raises(UsageError, match=message):
        continue_training(base, request)
    assert not (tmp_path / "continued").exists()


def test_settings_of_continued_training_need_from(run: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match=r"training\.continue_share: has no effect without --from"):
        run(EXAMPLES, "training.continue_share=0.5")


def test_the_replay_setting_needs_stored_examples(run: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match=r"training\.replay: has no effect with --no-store-examples"):
        run(EXAMPLES, "training.replay=5", store_examples=False)


@pytest.mark.usefixtures("without_export")
def test_a_model_without_weights_parses_and_cannot_be_continued(base: Path, tmp_path: Path) -> None:
    messages: list[str] = []
    train(options(tmp_path, EXAMPLES, "base", store_weights=False), messages.append)
    assert any("it can parse, but `cnlu train --from` cannot continue it" in line for line in messages)
    model = with_graph_of(base, tmp_path / "base")
    assert not (model / NETWORK_WEIGHTS).exists()
    assert cnlu.load(model).parse("我要去北京")["intent"]["name"] == "go"
    with pytest.raises(ModelError, match=r"whole: holds no network\.safetensors, so training cannot continue from it"):
        continue_training(model, options(tmp_path, NEW, "continued"))
    assert not (tmp_path / "continued").exists()


def test_a_missing_or_damaged_weights_file_is_refused(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "old")
    file = tmp_path / "old" / NETWORK_WEIGHTS
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    for message in (r"network\.safetensors: is damaged", r"network\.safetensors: is missing"):
        with pytest.raises(ModelError, match=message):
            continue_training(tmp_path / "old", options(tmp_path, NEW, "continued"))
        file.unlink(missing_ok=True)


def test_a_model_of_another_segmenter_is_refused(base: Path, tmp_path: Path) -> None:
    write_model_dir(tmp_path / "old", read_model_dir(base).files, {"segmenter": "another"})
    with pytest.warns(UserWarning), pytest.raises(UsageError, match="another jieba dictionary"):
        continue_training(tmp_path / "old", options(tmp_path, NEW, "continued"))


def test_a_model_of_a_newer_format_is_refused(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = read_model_dir(base).files
    monkeypatch.setattr("cnlu.runtime.model_dir.FORMAT", 99)
    write_model_dir(tmp_path / "newer", files, {"segmenter": "any"})
    monkeypatch.undo()
    with pytest.raises(ModelError, match="made by a newer cnlu"):
        continue_training(tmp_path / "newer", options(tmp_path, NEW, "continued"))


def test_a_damaged_model_is_refused(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "old")
    (tmp_path / "old" / "examples.jsonl.gz").write_bytes(b"")
    with pytest.raises(ModelError, match="truncated"):
        continue_training(tmp_path / "old", options(tmp_path, NEW, "continued"))


@pytest.mark.usefixtures("without_export")
def test_the_command_line_continues_training(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
    assert json.loads((tmp_path / "model" / "labels.json").read_text("utf-8"))["entities"] == ["city", "food"]


def test_continued_training_keeps_the_encoder(tiny_bert_model: Path, tmp_path: Path) -> None:
    before = cnlu.load(tiny_bert_model)
    config = load_config(None, ["training.max_epochs=2", "training.min_epochs=1"], encoder=True)
    write_jsonl(NEW, tmp_path / "new.jsonl")
    continue_training(
        tiny_bert_model, Request([tmp_path / "new.jsonl"], tmp_path / "continued", config, device="cpu", quiet=True)
    )
    after = cnlu.load(tmp_path / "continued")
    assert after.tokens is not None and after.config.encoder.tuning == "frozen"
    assert after.labels.intents == sorted({*before.labels.intents, "bye", "eat"})
    assert after.labels.roles == before.labels.roles
    (text, intent), *_ = [(e.text, e.intent) for e in NEW]
    assert after.parse(text)["intent"]["name"] in {intent, *before.labels.intents}


@pytest.fixture(scope="module")
def base_in_8_bits(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A model with the intents `go` and `ask` on an encoder in 8 bits, small matrices included."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cnlu.export.quantize.MIN_WEIGHTS", 1 << 10)
        request = on_encoder(tmp_path_factory.mktemp("base"), EXAMPLES, encoder=str(tiny_bert), int8=True)
        train(request)
        yield request.out


def on_encoder(place: Path, given: list[Example], **more: Any) -> Request:
    write_jsonl(given, place / "examples.jsonl")
    config = load_config(None, LONGER if "encoder" not in more else [*SMALL, *LONGER[-3:-1]], encoder=True)
    return Request([place / "examples.jsonl"], place / "model", config, device="cpu", quiet=True, **more)


def in_8_bits(model: Path) -> bool:
    """Whether training.json says so and the graph holds the matrices of the encoder as bytes."""
    files = read_model_dir(model).files
    noted = bool(json.loads(files["training.json"])["int8"])
    assert noted == (b"word_embeddings.weight_rows" in files["model.onnx"]) == (b"MatMulInteger" in files["model.onnx"])
    return noted


def test_training_continues_from_a_model_in_8_bits_and_stores_8_bits_again(
    base_in_8_bits: Path, tmp_path: Path
) -> None:
    assert in_8_bits(base_in_8_bits)
    continue_training(base_in_8_bits, on_encoder(tmp_path, NEW))
    assert in_8_bits(tmp_path / "model")
    model = cnlu.load(tmp_path / "model")
    results = [model.parse(example.text) for example in [*EXAMPLES, *NEW]]
    assert [result["intent"]["name"] for result in results] == [example.intent for example in [*EXAMPLES, *NEW]]
    assert [e["value"] for e in model.parse("来一份饺子")["entities"]] == ["饺子"]


def test_a_model_continued_from_8_bits_is_in_float32_on_request(base_in_8_bits: Path, tmp_path: Path) -> None:
    request = on_encoder(tmp_path, NEW, int8=False)
    request.config = load_config(None, [*SMALL, "training.max_epochs=1"], encoder=True)
    continue_training(base_in_8_bits, request)
    assert not in_8_bits(tmp_path / "model")


def test_dictionaries_are_merged_by_type_and_new_values_win() -> None:
    new = NluData(synonyms={"京": "北京"}, synonyms_of={"size": {"大": "L"}})
    _add_dictionaries(
        new,
        NluData(
            synonyms={"京": "东京", "沪": "上海"}, synonyms_of={"size": {"大": "XL", "小": "S"}, "cup": {"大": "大杯"}}
        ),
    )
    assert new.synonyms == {"京": "北京", "沪": "上海"}
    assert new.synonyms_of == {"size": {"大": "L", "小": "S"}, "cup": {"大": "大杯"}}
