"""The files of an encoder: which ones it needs, and whether a directory has them all."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from cnlu.errors import DataError
from cnlu.i18n import _

TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""Files that hold the weights or index them, in order of preference."""
SMALL_FILES = ("config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
CARD_FILES = ("README.md", "LICENSE")
"""The model card and the licence, which belong to a copy that is passed on."""


def download_again() -> str:
    """The fix for a damaged file of an encoder."""
    return _("fetch it again, or save the encoder again with save_pretrained")


def weight_files(directory: Path) -> list[Path]:
    """The files that hold a directory's weights; empty if there are none, or if one that an index names is missing.

    Raises DataError for a damaged index, or one that names files outside the directory.
    """
    for kind in WEIGHT_FILES:
        path = directory / kind
        if not path.exists():
            continue
        if not kind.endswith(".index.json"):
            return [path]
        try:
            names = sorted(set(json.loads(path.read_text("utf-8"))["weight_map"].values()))
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise DataError(path, _("is not an index of weight files"), download_again()) from error
        if any(not isinstance(name, str) or Path(name).name != name for name in names):
            raise DataError(path, _("names files outside its directory"), download_again())
        files = [directory / name for name in names]
        return files if all(file.exists() for file in files) else []
    return []


def is_complete(directory: Path) -> bool:
    """Whether a directory has a config, all its weights and a tokenizer."""
    has_tokenizer = any((directory / name).exists() for name in TOKENIZER_FILES)
    return (directory / "config.json").exists() and has_tokenizer and bool(weight_files(directory))


def files_to_download(files: Sequence[str]) -> list[str]:
    """The files of a hub's model that an encoder needs; pickled weights only without safetensors."""
    safe = [file for file in files if re.fullmatch(r"model(-\d+-of-\d+)?\.safetensors(\.index\.json)?", file)]
    pickled = [file for file in files if re.fullmatch(r"pytorch_model(-\d+-of-\d+)?\.bin(\.index\.json)?", file)]
    return [file for file in files if file in SMALL_FILES + TOKENIZER_FILES] + (safe or pickled)
