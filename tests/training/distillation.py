"""Examples, settings and another encoder for the tests of distillation."""

from __future__ import annotations

import json
from pathlib import Path

from cnlu.data.schema import Entity, Example

NARROW = [
    "model.members=2",
    "model.sparse_width=16",
    "model.width=16",
    "model.heads=2",
    "model.feedforward=32",
    "model.label_width=8",
    "training.min_epochs=1",
    "training.max_epochs=2",
    "training.batch_size=16",
    "training.checkpoint_seconds=0",
    "training.average=0.9",
    "training.min_dev=1",
]
LEARNS = [
    "training.max_epochs=15",
    "training.min_epochs=15",
    "training.learning_rate=1e-2",
    "training.sparse_learning_rate=2e-2",
]
CITIES = ["北京", "上海", "石家庄", "成都", "哈尔滨", "武汉"]
LOOKUPS = """version: "3.1"
nlu:
- lookup: train
  examples: |
    - 高铁
- synonym: 上海
  examples: |
    - 魔都
"""


def _journey(sentence: str, one: str, other: str) -> Example:
    """The template with two cities, annotated with the roles `from` and `to`."""
    text = sentence.format(one, other)
    spans = [(text.index(one), one, "from"), (text.index(other), other, "to")]
    entities = [Entity(start, start + len(city), "city", city, role=role) for start, city, role in spans]
    return Example(text, "book" if "订" in text else "ask", tuple(sorted(entities, key=lambda e: e.start)))


EXAMPLES = [
    _journey(sentence, one, other)
    for sentence in ("订从{}到{}的票", "从{}去{}要多久", "到{1}的票，从{0}走，订一张", "{}到{}的高铁有吗")
    for one in CITIES
    for other in CITIES
    if one != other
]


def history(model: Path) -> list[dict[str, float]]:
    """The losses of each epoch of a model's training."""
    return json.loads((model / "training.json").read_text(encoding="utf-8"))["history"]


def wide_bert(folder: Path, tiny_bert: Path) -> str:
    """The directory of an encoder of another width, with the vocabulary in another order."""
    from transformers import BertConfig, BertModel, BertTokenizer

    words = (tiny_bert / "vocab.txt").read_text(encoding="utf-8").split()
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join([*words[:5], *reversed(words[5:])]) + "\n", encoding="utf-8")
    sizes = {"hidden_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(folder)
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return str(folder)
