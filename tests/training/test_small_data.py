"""Training sets that are tiny or lack intents or entities: trained, exported and parsed like any other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")


import cnlu
from cnlu.config.files import load_config
from cnlu.data.jsonl import write_jsonl
from cnlu.data.schema import Entity, Example
from cnlu.training.request import Request
from cnlu.training.train import train

Run = Callable[..., tuple[object, list[str]]]


@pytest.fixture
def parse(run: Run, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Train on examples, load the model and parse one text."""

    def go(examples: list[Example], text: str, *overrides: str) -> dict[str, Any]:
        run(examples, *overrides)
        return cnlu.load(tmp_path / "model").parse(text)

    return go


def test_intents_only(parse: Callable[..., dict[str, Any]], examples: list[Example]) -> None:
    result = parse([replace(example, entities=()) for example in examples], "去北京")
    assert {label["name"] for label in result["intent_ranking"]} == {"go", "ask"}
    assert result["entities"] == []


def test_entities_only(parse: Callable[..., dict[str, Any]], examples: list[Example]) -> None:
    bare = [replace(example, intent=None) for example in examples]
    result = parse(bare, "我要去北京", "training.max_epochs=30", "training.learning_rate=2e-2")
    assert (result["intent"], result["intent_ranking"]) == ({"name": None, "confidence": 0.0}, [])
    assert [entity["value"] for entity in result["entities"]] == ["北京"]


def test_one_intent_and_no_entities(parse: Callable[..., dict[str, Any]]) -> None:
    result = parse([Example(text, "only") for text in ("你好", "您好", "早")], "再见")
    assert result["intent"] == {"name": "only", "confidence": 1.0}


def test_one_example_in_all(parse: Callable[..., dict[str, Any]]) -> None:
    example = Example("去北京", "go", (Entity(1, 3, "city", "北京", role="to", group="1"),))
    result = parse([example], "去")
    assert result["intent"] == {"name": "go", "confidence": 1.0}


@pytest.mark.usefixtures("without_export")
def test_an_intent_with_one_example_is_still_learned(run: Run, examples: list[Example], tmp_path: Path) -> None:
    run([*examples, Example("谢谢", "thanks")], "training.dev_fraction=0.3", "training.max_epochs=20")
    assert "thanks" in json.loads((tmp_path / "model" / "labels.json").read_text(encoding="utf-8"))["intents"]


def test_long_texts_are_learned_in_windows(parse: Callable[..., dict[str, Any]], examples: list[Example]) -> None:
    """Some entities cross the borders of windows; the parsed text is longer than a window too."""
    filler = "好的" * 17
    texts = [
        Example(filler + e.text, e.intent, tuple(replace(s, start=s.start + 34, end=s.end + 34) for s in e.entities))
        for e in examples
    ]
    settings = ["training.max_length=16", "training.max_epochs=15", "training.learning_rate=2e-2"]
    result = parse([*examples, *texts], filler + "我要去北京", *settings)
    assert [(e["start"], e["end"], e["value"]) for e in result["entities"]] == [(37, 39, "北京")]


BANK = {
    "balance": ["我的余额还有多少", "查一下余额", "卡里还剩多少钱", "看看账户余额"],
    "transfer": ["给妈妈转五百块", "我要转账", "转一千到我的另一张卡", "帮我转账给李雷"],
    "card": ["我的卡丢了", "银行卡挂失", "卡找不到了要挂失", "帮我把卡冻结"],
    "rate": ["定期利率是多少", "现在存款利率多少", "三年定期利息怎么算", "贷款利率多少"],
}
ELSEWHERE = [
    "量子力学是什么",
    "今天股市怎么样",
    "周杰伦有哪些好听的歌",
    "红烧肉怎么做",
    "明天北京会下雨吗",
    "梅西踢哪个位置",
]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_sixteen_training_sentences_are_in_scope_and_most_of_other_domains_are_not(tmp_path: Path, seed: int) -> None:
    examples = [Example(text, intent) for intent, texts in BANK.items() for text in texts]
    write_jsonl(examples, tmp_path / "bank.jsonl")
    config = load_config(None, [f"training.seed={seed}", "training.min_steps=200"])
    train(Request([tmp_path / "bank.jsonl"], tmp_path / "model", config, device="cpu", quiet=True))
    results = cnlu.load(tmp_path / "model").parse_batch([example.text for example in examples] + ELSEWHERE)
    own, others = results[: len(examples)], results[len(examples) :]
    assert all(result["out_of_scope"] < 0.5 and result["intent"]["confidence"] > 0.3 for result in own)
    assert sum(result["out_of_scope"] > 0.5 for result in others) >= len(others) - 1
