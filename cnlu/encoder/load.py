"""Load an encoder and its tokenizer from a Hugging Face directory or hub name.

No code in the directory is ever run, and only tensors are loaded from a pickle.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from cnlu.encoder.backbone import Backbone
from cnlu.encoder.config_json import read_hf_config
from cnlu.encoder.hf_config import build_hf_config
from cnlu.encoder.instantiate import load_backbone
from cnlu.encoder.source import local_directory
from cnlu.encoder.tokenizer import largest_id, read_tokenizer, special_tokens_of, tokenizer_settings
from cnlu.encoder.validate import validate_encoder
from cnlu.errors import DataError
from cnlu.i18n import _
from cnlu.text.tokens import SpecialTokens

DEFAULT_LIMIT = 512
"""Maximum number of tokens of a text for a family whose config states no limit."""


@dataclass(frozen=True)
class Pretrained:
    """A loaded encoder."""

    backbone: Backbone
    tokenizer: str
    """The content of a tokenizer.json."""
    special_tokens: SpecialTokens
    notes: list[str]
    """Notes for the user, a line each."""


def load_encoder(source: str | Path) -> Pretrained:
    """Load from a directory or a hub name.

    Raises UsageError if there is no such directory or model, DataError if it cannot be used.
    """
    directory = local_directory(source)
    where = str(directory)
    config = build_hf_config(read_hf_config(directory), where)
    content, notes = read_tokenizer(directory)
    backbone, weight_notes = load_backbone(directory, config)
    settings = tokenizer_settings(directory)
    special_tokens = special_tokens_of(
        content, settings, getattr(backbone.config, "pad_token_id", None), _limit(backbone, settings), where
    )
    largest = largest_id(content, special_tokens)
    if largest >= backbone.vocab_size:
        raise DataError(
            where,
            _(
                "its tokenizer gives ids up to {largest}, but its model has vectors for only {size}",
                largest=largest,
                size=backbone.vocab_size,
            ),
            _("name an encoder with its own tokenizer"),
        )
    if largest + 1 < backbone.vocab_size:
        weight_notes.append(
            f"{where}: its tokenizer has {largest + 1} tokens, its model vectors for {backbone.vocab_size}"
        )
    if special_tokens.limit <= len(special_tokens.before) + len(special_tokens.after):
        problem = _("takes at most {limit} tokens, which leaves none for a text", limit=special_tokens.limit)
        raise DataError(where, problem, _("name another encoder"))
    validate_encoder(backbone, special_tokens.limit, where)
    return Pretrained(backbone, json.dumps(content, ensure_ascii=False), special_tokens, notes + weight_notes)


def _limit(backbone: Backbone, tokenizer: dict[str, Any]) -> int:
    """Maximum number of tokens of a text: the model's positions, or the tokenizer's limit if it is smaller.

    RoBERTa and its relatives number positions from the padding id + 1; XLNet has relative positions only.
    """
    stated = getattr(backbone.config, "max_position_embeddings", None)
    limit = stated if isinstance(stated, int) and stated > 0 else DEFAULT_LIMIT
    for name, module in backbone.model.named_modules():
        if isinstance(module, nn.Embedding) and "position" in name and module.padding_idx is not None:
            limit = min(limit, module.num_embeddings) - module.padding_idx - 1
    stated = tokenizer.get("model_max_length")
    return min(limit, int(stated)) if isinstance(stated, int | float) and 8 <= stated < limit else limit
