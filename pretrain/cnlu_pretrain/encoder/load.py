"""Loads the encoder to train, or builds a new one, with embeddings for all tokens of the corpus."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    BertConfig,
    BertForMaskedLM,
    ElectraConfig,
    ElectraForMaskedLM,
    PretrainedConfig,
)

from cnlu.encoder.hf_config import build_hf_config, read_hf_config
from cnlu.encoder.nezha import NezhaConfig
from cnlu.encoder.source import local_directory
from cnlu.encoder.tokenizer import read_tokenizer
from cnlu.encoder.transformers_logging import silent_transformers
from cnlu.encoder.weights import read_weights
from cnlu.errors import DataError, UsageError, one_line
from cnlu.i18n import _
from cnlu_pretrain.config import PretrainConfig, RunConfig
from cnlu_pretrain.corpus.corpus import Corpus, tokenizer_fingerprint
from cnlu_pretrain.encoder.nezha import load_nezha


@dataclass(frozen=True)
class Loaded:
    """A masked language model of transformers, on the CPU in float32."""

    model: Any
    head_is_new: bool
    """Whether the head for masked language modelling is new and is to be trained"""
    notes: list[str]
    new_tokens: int = 0
    """Number of word embeddings that were added for new tokens, at the end"""


def load_encoder(source: str, corpus: Corpus, config: RunConfig, trains_head: bool = True) -> Loaded:
    """The encoder of a directory or hub name, with embeddings for all tokens of the corpus.

    `trains_head`: the objectives train the head for masked language modelling, so that a missing one matters.
    Raises UsageError where there is none or the corpus was prepared with another tokenizer, DataError if it
    cannot be used.
    """
    directory = local_directory(source)
    where = str(directory)
    _check_tokenizer(source, directory, corpus)
    model, missing = _masked_lm(directory, config)
    lost = sorted(name for name in missing if name.startswith(model.base_model_prefix + ".") and "pooler" not in name)
    if lost:
        raise DataError(
            where,
            _("lacks {count} weights of the encoder, such as {name}", count=len(lost), name=lost[0]),
            _("download it again"),
        )
    notes = []
    head_is_new = bool(missing) and trains_head
    if head_is_new:
        notes.append(
            f"{where}: has no head for masked language modelling; a new one is added and trains alone for the first "
            f"{config.head_warmup} steps"
        )
    added = resize(model, corpus.vocabulary, corpus.manifest["added_tokens"])
    if added:
        notes.append(f"{where}: {added} vectors are added for new tokens, each the mean of its old pieces")
    _check_positions(model, config, where)
    return Loaded(model, head_is_new, notes, added)


def _check_tokenizer(source: str, directory: Path, corpus: Corpus) -> None:
    fingerprint = tokenizer_fingerprint(json.dumps(read_tokenizer(directory)[0]))
    if fingerprint not in (corpus.fingerprint, corpus.manifest["base_fingerprint"]):
        raise UsageError(
            corpus.folder,
            _(
                "was prepared with another tokenizer (fingerprint {corpus}) than that of {encoder} ({fingerprint})",
                corpus=corpus.fingerprint[:12],
                encoder=directory,
                fingerprint=fingerprint[:12],
            ),
            _("prepare the corpus with --encoder {source}", source=source),
        )


def _masked_lm(directory: Path, config: RunConfig) -> tuple[Any, set[str]]:
    """(the model, the names of weights that the directory lacks)."""
    settings = build_hf_config(read_hf_config(directory), str(directory))
    if not isinstance(settings, NezhaConfig) and type(settings) not in MODEL_FOR_MASKED_LM_MAPPING:
        raise DataError(
            directory,
            _("{family} has no head for masked language modelling", family=settings.model_type),
            _("name an encoder such as BERT"),
        )
    weights = read_weights(directory)
    _set_dropout(settings, config.dropout)
    try:
        if isinstance(settings, NezhaConfig):
            return load_nezha(settings, weights)
        return _transformers_masked_lm(settings, weights, config)
    except Exception as error:  # the exceptions depend on the family
        raise DataError(
            directory,
            _("cannot be trained by masked language modelling ({reason})", reason=one_line(error)),
            _("name another encoder"),
        ) from error


def _transformers_masked_lm(
    settings: PretrainedConfig, weights: dict[str, Tensor], config: RunConfig
) -> tuple[Any, set[str]]:
    with silent_transformers():
        model, outcome = MODEL_FOR_MASKED_LM_MAPPING[type(settings)].from_pretrained(
            None,
            config=settings,
            state_dict=weights,
            dtype=torch.float32,
            attn_implementation=config.attention,
            output_loading_info=True,
        )
    return model, {name for name in outcome["missing_keys"] if "position_ids" not in name}


def random_encoder(corpus: Corpus, config: PretrainConfig) -> Loaded:
    """A BERT, or an ELECTRA where the embeddings are narrower, with random weights and the vocabulary of the corpus.

    The same seed gives the same weights.
    """
    size, run = config.encoder, config.run
    torch.manual_seed(run.seed)
    shape: dict[str, Any] = {
        "vocab_size": corpus.vocabulary,
        "hidden_size": size.hidden_size,
        "num_hidden_layers": size.num_hidden_layers,
        "num_attention_heads": size.num_attention_heads,
        "intermediate_size": size.intermediate_size,
        "max_position_embeddings": size.max_position_embeddings,
        "pad_token_id": corpus.special_tokens.pad,
        "hidden_dropout_prob": run.dropout,
        "attention_probs_dropout_prob": run.dropout,
    }
    with silent_transformers():
        if size.embedding_size in (0, size.hidden_size):
            family, settings = BertForMaskedLM, BertConfig(**shape)
        else:  # ELECTRA has BERT's layers, and a linear layer behind its embeddings
            family, settings = ElectraForMaskedLM, ElectraConfig(**shape, embedding_size=size.embedding_size)
        model = family._from_config(settings, attn_implementation=run.attention, dtype=torch.float32)
    _check_positions(model, config.run, "encoder.max_position_embeddings")
    return Loaded(model, False, [])


def generator_for(model: Any, share: float) -> Any:
    """A small masked language model that shares the token embeddings of `model` (ELECTRA, section 3.2)."""
    own = model.config
    vectors = model.get_input_embeddings()
    heads = max(1, round(own.num_attention_heads * share))
    width = max(heads, round(own.hidden_size * share) // heads * heads)
    settings = ElectraConfig(
        vocab_size=vectors.num_embeddings,
        embedding_size=vectors.embedding_dim,
        hidden_size=width,
        num_hidden_layers=own.num_hidden_layers,
        num_attention_heads=heads,
        intermediate_size=round(getattr(own, "intermediate_size", 4 * own.hidden_size) * share),
        max_position_embeddings=getattr(own, "max_position_embeddings", 512),
        pad_token_id=getattr(own, "pad_token_id", 0),
    )
    with silent_transformers():
        generator = ElectraForMaskedLM._from_config(settings, attn_implementation="sdpa", dtype=torch.float32)
    generator.set_input_embeddings(vectors)
    generator.tie_weights()
    return generator


def resize(model: Any, vocabulary: int, pieces: Mapping[str, list[int]]) -> int:
    """Enlarge the vocabulary; returns the number of added vectors.

    `pieces` maps a new id to the ids that the same text had before; the new vector is the mean of their vectors.
    """
    vectors = model.get_input_embeddings()
    before = int(vectors.num_embeddings)
    if vocabulary <= before:
        return 0
    with silent_transformers():
        model.resize_token_embeddings(vocabulary, mean_resizing=False)
    inputs, output = model.get_input_embeddings(), model.get_output_embeddings()
    tables = [inputs.weight, *([output.weight] if output.weight is not inputs.weight else [])]
    if getattr(output, "bias", None) is not None:
        tables.append(output.bias)
    with torch.no_grad():
        for table in tables:
            table[before:] = table[:before].mean(0)
            for new, old in pieces.items():
                if old and int(new) >= before:
                    table[int(new)] = table[torch.tensor(old)].mean(0)
    return vocabulary - before


def _set_dropout(settings: Any, dropout: float) -> None:
    for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout"):
        if hasattr(settings, name):
            setattr(settings, name, dropout)


def _check_positions(model: Any, config: RunConfig, where: str) -> None:
    limit = getattr(model.config, "max_position_embeddings", None)
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding) and "position" in name and module.padding_idx is not None:
            limit = module.num_embeddings - module.padding_idx - 1  # RoBERTa counts positions after the padding index
    for setting, length in (("run.length", config.length), ("run.long_length", config.long_length)):
        if isinstance(limit, int) and length > limit > 0:
            raise UsageError(
                setting,
                _(
                    "{length} is more than the {limit} tokens that {encoder} can read",
                    length=length,
                    limit=limit,
                    encoder=where,
                ),
                _("shorten the rows"),
            )
