"""A prepared corpus as a whole: manifest, tokenizer and shards."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnlu.errors import ModelError, UsageError
from cnlu.i18n import _
from cnlu.io.atomic_directory import locate, resolve
from cnlu.text.tokens import SpecialTokens
from cnlu_pretrain.corpus.shards import Arrays, Shard, damaged, read_shard, shard_of

FORMAT = 2
"""2: the manifest calls the special tokens `special_tokens`."""
MANIFEST, TOKENIZER = "manifest.json", "tokenizer.json"


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """An opened corpus."""

    folder: Path
    tokenizer: str
    """The content of the tokenizer.json that produced the ids"""
    special_tokens: SpecialTokens
    mask: int
    """The id of [MASK]"""
    vocabulary: int
    """The number of ids of the tokenizer"""
    token_type: str
    """NumPy dtype of the ids on disk"""
    shards: list[Shard]
    held_out: list[Shard]
    """Text for evaluation"""
    manifest: dict[str, Any]

    @property
    def tokens(self) -> int:
        """Number of tokens to train on."""
        return sum(shard.tokens for shard in self.shards)

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the tokenizer, which determines the ids."""
        return tokenizer_fingerprint(self.tokenizer)

    def read(self, shard: Shard) -> Arrays:
        return read_shard(self.folder, shard, self.token_type)

    def check(self) -> None:
        """Read everything and compare it with the manifest; raises ModelError naming the damaged files."""
        if wrong := damaged(self.folder, [*self.shards, *self.held_out]):
            raise ModelError(
                self.folder, _("damaged files: {names}", names=", ".join(wrong)), _("prepare the corpus again")
            )


def open_corpus(path: str | Path) -> Corpus:
    """Open a corpus; checks the sizes of its files, while `Corpus.check` checks their content.

    Raises UsageError where there is no corpus, ModelError if it is damaged or has another format.
    """
    folder = locate(resolve(path))
    if not folder.is_dir():
        command = f"cnlu pretrain prepare TEXT --out {path}"
        raise UsageError(path, _("no such corpus"), _("make one with: {command}", command=command))
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        tokenizer = (folder / TOKENIZER).read_text("utf-8")
    except FileNotFoundError as error:
        raise UsageError(
            path, _("the directory is not a prepared corpus"), _("make one with: cnlu pretrain prepare")
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(path, _("its manifest or its tokenizer is damaged"), _("prepare the corpus again")) from error
    _check_manifest(path, manifest, tokenizer)
    corpus = Corpus(
        folder=folder,
        tokenizer=tokenizer,
        special_tokens=SpecialTokens(**manifest["special_tokens"]),
        mask=manifest["mask"],
        vocabulary=manifest["vocabulary"],
        token_type=manifest["token_type"],
        shards=[shard_of(shard) for shard in manifest["shards"]],
        held_out=[shard_of(shard) for shard in manifest["held_out"]],
        manifest=manifest,
    )
    for shard in [*corpus.shards, *corpus.held_out]:
        corpus.read(shard)
    return corpus


def _check_manifest(path: str | Path, manifest: Any, tokenizer: str) -> None:
    if not isinstance(manifest, dict) or not isinstance(manifest.get("format"), int):
        raise ModelError(path, _("its manifest is damaged"), _("prepare the corpus again"))
    if manifest["format"] > FORMAT:
        raise ModelError(path, _("it was prepared by a newer cnlu"), _("use that version, or prepare the corpus again"))
    if manifest["format"] < FORMAT:
        raise ModelError(path, _("it was prepared by an older cnlu"), _("prepare the corpus again"))
    if manifest["fingerprint"] != tokenizer_fingerprint(tokenizer):
        raise ModelError(
            path, _("its tokenizer is not the one that it was prepared with"), _("prepare the corpus again")
        )


def tokenizer_fingerprint(content: str) -> str:
    """SHA-256 of a tokenizer.json, independent of how the JSON is formatted."""
    return hashlib.sha256(json.dumps(json.loads(content), sort_keys=True).encode()).hexdigest()
