"""An annotated file and its examples, for the tests of saved corrections."""

from __future__ import annotations

from pathlib import Path

from cnlu.data.load import load_data
from cnlu.data.schema import Entity, Example

EXISTING = """# 手写的说明
version: "3.1"

nlu:
- intent: greet  # 打招呼
  examples: |
    - 你好
    - 您好
- lookup: place
  examples: |
    - 北京
- intent: book_ticket
  examples: |
    - 去[北京](place)
"""


def example(text: str, intent: str = "greet", *entities: Entity) -> Example:
    return Example(text, intent, entities)


def read(path: Path) -> list[Example]:
    return load_data(path).examples
