"""Examples and settings for a training of a second."""

from __future__ import annotations

QUICK = [
    "--device",
    "cpu",
    "--set",
    "model.members=1",
    "--set",
    "model.sparse_width=8",
    "--set",
    "model.width=8",
    "--set",
    "model.feedforward=16",
    "--set",
    "training.max_epochs=2",
    "--set",
    "training.min_epochs=1",
]
YAML = """version: "3.1"
nlu:
- intent: go
  examples: |
    - 我要去[北京](city)
    - 去[上海](city)的票
    - 带我去[杭州](city)
- intent: ask
  examples: |
    - [北京](city)天气好吗
    - 问问[上海](city)的雨
    - [杭州](city)冷吗
- synonym: 上海
  examples: |
    - 魔都
"""
