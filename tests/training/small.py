"""Examples and settings of trainings that take a second."""

from __future__ import annotations

from cnlu.data.schema import Entity, Example

SMALL = [
    "model.members=1",
    "model.sparse_width=8",
    "model.width=8",
    "model.layers=1",
    "model.heads=2",
    "model.feedforward=16",
    "model.label_width=8",
    "training.min_epochs=1",
    "training.max_epochs=3",
    "training.min_dev=1",
    "training.batch_size=8",
    "training.checkpoint_seconds=0",
    "features.min_count=1",
    "features.sentence_min_count=1",
]
CITIES = ["北京", "上海", "杭州", "成都"]


def _example(sentence: str, city: str) -> Example:
    start = sentence.index("{}")
    span = Entity(start, start + len(city), "city", city)
    return Example(sentence.format(city), "go" if "去" in sentence else "ask", (span,))


EXAMPLES = [_example(s, c) for c in CITIES for s in ("我要去{}", "去{}的票", "{}天气好吗", "问问{}的雨")]
