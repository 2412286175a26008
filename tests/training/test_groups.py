"""Groups: which entities belong together, in wordings that training has not seen."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

import cnlu
from cnlu.config.files import load_config
from cnlu.data.jsonl import write_jsonl
from cnlu.data.markup import parse_markup
from cnlu.data.schema import Example
from cnlu.errors import ModelError
from cnlu.runtime.interpreter import Interpreter
from cnlu.runtime.model_dir import read_model_dir, write_model_dir
from cnlu.training.continue_training import continue_training
from cnlu.training.distill import Distillation, distill
from cnlu.training.pipeline import TrainingResult
from cnlu.training.request import Request
from cnlu.training.train import train
from tests.training.small import SMALL

LEARNS = [
    *SMALL,
    "model.width=16",
    "model.sparse_width=16",
    "training.max_epochs=40",
    "training.min_epochs=40",
    "training.learning_rate=1e-2",
    "training.sparse_learning_rate=2e-2",
    "training.crf_learning_rate=5e-2",
]
SIZES, DRINKS = ("大杯", "中杯", "小杯"), ("拿铁", "美式", "红茶", "豆浆")


def example(line: str, **values: str) -> Example:
    """Fill in a template: `S1` is a size in group 1, `D` a drink without a group."""
    for kind, name in (("S", "size"), ("D", "drink")):
        for group in ("1", "2", "3", ""):
            about = {"entity": name} | ({"group": values.get(group, group)} if group else {})
            line = line.replace(kind + group, f"[{values[kind + group]}]{json.dumps(about)}")
    text, entities = parse_markup(line, "")
    return Example(text, "order", tuple(entities))


def orders(lines: Iterable[str], **names: str) -> list[Example]:
    """Four examples per template with varying sizes and drinks. `names` (`_1`, `_2`) replace the group numbers."""
    labels = {key[1:]: name for key, name in names.items()}
    found = []
    for i, line in enumerate(lines):
        for k in range(4):
            values = {f"S{g}": SIZES[(i + k + n) % 3] for n, g in enumerate(("1", "2", "3", ""))}
            values |= {f"D{g}": DRINKS[(i + 2 * k + n) % 4] for n, g in enumerate(("1", "2", "3", ""))}
            found.append(example(line, **values, **labels))
    return found


COUNTED = [
    *orders(["我要SD", "来D要S的", "我要S1D1和S2D2", "来S1D1，再来S2的D2", "D1要S1的，D2要S2的"]),
    *orders(["来S1D1，S2D2和D3"]),
    *(Example(text, "talk") for text in ("今天天气真好", "天气真好", "今天真好", "今天天气")),
]
NAMED = orders(
    ["先喝S1D1，后喝S2D2", "后喝D2，先喝D1", "先喝D1，后喝S2的D2", "后喝S2D2，先喝S1D1", "我要SD"],
    _1="first",
    _2="then",
)


OTHERS = orders(["我要S1D1，S2D2", "S1D1，再来D2要S2的", "D1要S1的和S2D2", "来D1，再来S2D2", "S1D1和D2", "要SD"])
"""Orders in other wordings"""


def options(place: Path, given: list[Example], name: str, dev: Sequence[Example] = ()) -> Request:
    write_jsonl(given, place / f"{name}.jsonl")
    write_jsonl(list(dev), place / "dev.jsonl")
    held = [place / "dev.jsonl"] if dev else []
    return Request(
        [place / f"{name}.jsonl"], place / name, load_config(None, LEARNS), dev=held, device="cpu", quiet=True
    )


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("groups")
    train(options(place, COUNTED, "counted"))
    return place / "counted"


def frames_right(trained: TrainingResult) -> float:
    """The frame accuracy on the dev examples."""
    assert trained.dev_metrics is not None
    return float(trained.dev_metrics["frame_accuracy"])


@pytest.fixture(scope="module")
def model(counted: Path) -> Interpreter:
    return cnlu.load(counted)


def groups(model: Interpreter, text: str) -> list[tuple[str, str | None]]:
    return [(entity["value"], entity.get("group")) for entity in model.parse(text)["entities"]]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("大杯拿铁跟小杯豆浆", "1122"),
        ("美式要大杯的和小杯红茶", "1122"),
        ("小杯豆浆、大杯的拿铁", "1122"),
        ("大杯美式加上中杯美式外加小杯美式", "112233"),
        ("中杯美式", "00"),
        ("来大杯的红茶", "00"),
    ],
)
def test_orders_in_unseen_wordings_are_grouped(model: Interpreter, text: str, wanted: str) -> None:
    assert "".join(group or "0" for _, group in groups(model, text)) == wanted


def test_the_same_drink_twice_is_two_items(model: Interpreter) -> None:
    assert groups(model, "来大杯拿铁，再来大杯的拿铁") == [("大杯", "1"), ("拿铁", "1"), ("大杯", "2"), ("拿铁", "2")]


def test_a_groups_confidence_is_a_probability_and_lower_for_ambiguous_texts(model: Interpreter) -> None:
    sure = [entity["confidence_group"] for entity in model.parse("我要大杯拿铁和小杯豆浆")["entities"]]
    assert len(sure) == 4 and all(0.5 < chance <= 1.0 for chance in sure)
    assert all("confidence_group" not in entity for entity in model.parse("我要大杯拿铁")["entities"])


def test_items_of_a_text_longer_than_a_window_are_counted_through(model: Interpreter) -> None:
    text = "我要大杯拿铁和小杯豆浆，" + "今天天气真好" * 90 + "，来中杯美式"
    assert len(text) > model.config.training.max_length
    found = groups(model, text)
    assert found[:4] == [("大杯", "1"), ("拿铁", "1"), ("小杯", "2"), ("豆浆", "2")]
    assert found[4:] in ([("中杯", "3"), ("美式", "3")], [("中杯", None), ("美式", "3")])


@pytest.mark.usefixtures("without_export")
def test_meaningful_group_labels_may_come_in_any_order(tmp_path: Path) -> None:
    other = orders(["后喝S2D2，先喝D1", "先喝D1，后喝D2"], _1="first", _2="then")
    trained = train(options(tmp_path, NAMED, "named", dev=other))
    assert trained.labels.counting == [] and frames_right(trained) > 0.9


@pytest.mark.usefixtures("without_export")
def test_a_continued_model_still_groups_orders(counted: Path, tmp_path: Path) -> None:
    new = [Example(text, "bye") for text in ("再见", "拜拜", "回头见", "下次聊")]
    assert frames_right(continue_training(counted, options(tmp_path, new, "grown", dev=OTHERS))) > 0.8


@pytest.mark.usefixtures("without_export")
def test_a_student_groups_orders_as_its_teacher_does(counted: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("\n".join(e.text for e in COUNTED), encoding="utf-8")
    request = options(tmp_path, OTHERS, "student", dev=OTHERS)
    request.data = [tmp_path / "texts.txt"]
    assert frames_right(distill(Distillation(counted), request)) > 0.8


@pytest.mark.slow
def test_continued_training_adds_groups_to_a_model_without(tmp_path: Path) -> None:
    train(options(tmp_path, orders(["我要SD", "来D要S的"]), "base"))
    assert "groups.npy" not in read_model_dir(tmp_path / "base").files
    assert frames_right(continue_training(tmp_path / "base", options(tmp_path, COUNTED, "grown", dev=OTHERS))) > 0.8


def test_a_model_with_another_grouping_is_refused(counted: Path, tmp_path: Path) -> None:
    found = read_model_dir(counted)
    files = {name: content for name, content in found.files.items() if name != "groups.npy"}
    write_model_dir(tmp_path / "old", files, {"segmenter": found.manifest["segmenter"]})
    with pytest.raises(ModelError, match="an older cnlu made the groups of this model; train the model again"):
        cnlu.load(tmp_path / "old")
