"""The progress of an unfinished preparation, saved so that `--resume` can continue."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu.io.text_files import write_bytes
from cnlu_pretrain.corpus.corpus import FORMAT
from cnlu_pretrain.prepare.encode import SHOWN, Encoded

STATE = "state.json"


@dataclass(kw_only=True)
class State:
    """What is finished and safe on disk."""

    fingerprint: str
    scanned: dict[str, int] | None = None
    """The result of the scan, once it is complete"""
    blocks: int = 0
    """Number of blocks in the shards"""
    lines: int = 0
    characters: int = 0
    unknown: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    dropped_examples: dict[str, list[str]] = field(default_factory=dict)
    shards: list[dict[str, Any]] = field(default_factory=list)
    held_out: list[dict[str, Any]] = field(default_factory=list)

    def add(self, block: Encoded) -> None:
        self.blocks += 1
        self.lines += block.lines
        self.characters += block.characters
        self.unknown += block.unknown
        self.dropped = dict(sorted((Counter(self.dropped) + block.dropped).items()))
        for reason, lines in block.dropped_examples.items():
            self.dropped_examples[reason] = [*self.dropped_examples.get(reason, []), *lines][:SHOWN]

    def save(self, part: Path) -> None:
        write_bytes(part / STATE, json.dumps(asdict(self), ensure_ascii=False).encode("utf-8", "replace"))


def fingerprint_of(*inputs: Any) -> str:
    """A hash of everything that determines the result; a resumed run must have the same."""
    return hashlib.sha256(json.dumps([FORMAT, *inputs], sort_keys=True).encode()).hexdigest()


def load_state(part: Path, fingerprint: str, resume: bool) -> State:
    """The saved state if `resume` is set and there is one, else a new one.

    Raises UsageError if it is damaged or belongs to other inputs.
    """
    path = part / STATE
    if not resume or not path.exists():
        return State(fingerprint=fingerprint)
    try:
        state = State(**json.loads(path.read_text("utf-8")))
    except (ValueError, TypeError) as error:
        raise UsageError(path, _("the file is damaged"), _("leave --resume out to start over")) from error
    if state.fingerprint != fingerprint:
        raise UsageError(
            part,
            _("this preparation was started with other text, settings or tokenizer"),
            _("give the same ones, or leave --resume out to start over"),
        )
    return state
