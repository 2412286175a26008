"""Examples written to files, for the tests of the check."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cnlu.check.findings import Finding

Found = Callable[..., list[Finding]]


def yaml(*sections: str) -> str:
    """A file of sections such as "intent: greet|你好|您好"."""
    text = 'version: "3.1"\nnlu:\n'
    for section in sections:
        head, *lines = section.split("|")
        text += f"- {head}\n  examples: |\n" + "".join(f"    - {line}\n" for line in lines)
    return text


def jsonl(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def write(folder: Path, content: str | Sequence[str], name: str = "nlu") -> Path:
    """YAML of sections, or a file's text as it is: JSON lines when it begins with {."""
    text = content if isinstance(content, str) else yaml(*content)
    path = folder / f"{name}.{'jsonl' if text.startswith('{') else 'yml'}"
    path.write_text(text, encoding="utf-8")
    return path


def line_of(one: Finding) -> int:
    """The line, all tests writing one file only."""
    return int(one.source.rpartition(":")[2])
