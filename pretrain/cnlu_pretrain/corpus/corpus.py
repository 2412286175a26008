"""A prepared corpus as a whole: its manifest, its tokenizer, its shards."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnlu.errors import ModelError, UsageError
from cnlu.io.atomic_directory import locate, resolve
from cnlu.text.tokens import SpecialTokens
from cnlu_pretrain.corpus.shards import Arrays, Shard, damaged, read_shard, shard_of

FORMAT = 1
MANIFEST, TOKENIZER = "manifest.json", "tokenizer.json"


@dataclass(frozen=True)
class Corpus:
    """An opened corpus."""

    folder: Path
    tokenizer: str
    """The content of the tokenizer.json that made the ids."""
    special_tokens: SpecialTokens
    mask: int
    """The id of [MASK]."""
    vocabulary: int
    """How many ids the tokenizer has."""
    token_type: str
    """Of the ids on disk, as NumPy writes it."""
    shards: list[Shard]
    held_out: list[Shard]
    """Documents kept apart, to measure on."""
    manifest: dict[str, Any]

    @property
    def tokens(self) -> int:
        """How many there are to train on."""
        return sum(shard.tokens for shard in self.shards)

    @property
    def fingerprint(self) -> str:
        """Of the tokenizer: what was prepared with another one has other ids."""
        return tokenizer_fingerprint(self.tokenizer)

    def read(self, shard: Shard) -> Arrays:
        return read_shard(self.folder, shard, self.token_type)

    def check(self) -> None:
        """Read everything and compare it with the manifest; raises ModelError naming what is damaged."""
        if wrong := damaged(self.folder, [*self.shards, *self.held_out]):
            raise ModelError(f"{self.folder}: {', '.join(wrong)} is damaged; prepare the corpus again.")


def open_corpus(path: str | Path) -> Corpus:
    """Raises UsageError where there is none, ModelError where it is damaged or of a newer format.

    Sizes are checked here, contents by `Corpus.check`.
    """
    folder = locate(resolve(path))
    if not folder.is_dir():
        raise UsageError(f"{path}: there is no such corpus; make one with: cnlu pretrain prepare TEXT --out {path}.")
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        tokenizer = (folder / TOKENIZER).read_text("utf-8")
    except FileNotFoundError as error:
        raise UsageError(f"{path}: is no prepared corpus; make one with: cnlu pretrain prepare.") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: its manifest or its tokenizer is damaged; prepare the corpus again.") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("format"), int):
        raise ModelError(f"{path}: its manifest is damaged; prepare the corpus again.")
    if manifest["format"] > FORMAT:
        raise ModelError(f"{path}: was prepared by a newer cnlu; use that one, or prepare the corpus again.")
    if manifest["fingerprint"] != tokenizer_fingerprint(tokenizer):
        raise ModelError(f"{path}: its tokenizer is not the one it was prepared with; prepare the corpus again.")
    corpus = Corpus(
        folder,
        tokenizer,
        SpecialTokens(**manifest["marks"]),
        manifest["mask"],
        manifest["vocabulary"],
        manifest["token_type"],
        [shard_of(shard) for shard in manifest["shards"]],
        [shard_of(shard) for shard in manifest["held_out"]],
        manifest,
    )
    for shard in [*corpus.shards, *corpus.held_out]:
        corpus.read(shard)
    return corpus


def tokenizer_fingerprint(content: str) -> str:
    """SHA-256 of what decides ids, however the JSON is laid out."""
    return hashlib.sha256(json.dumps(json.loads(content), sort_keys=True).encode()).hexdigest()
