"""The contents of two model directories, and a listing of a model's parent directory."""

from __future__ import annotations

from pathlib import Path

OLD = {"model.onnx": b"old weights" * 50, "labels.json": b'["O"]'}
NEW = {"model.onnx": b"new weights" * 70, "words.txt": "词\n".encode()}


def siblings(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())
