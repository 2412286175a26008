"""The encoder that is trained: read with its head, or made anew, fitted to the corpus's vocabulary; and written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    BertConfig,
    BertForMaskedLM,
    ElectraConfig,
    ElectraForMaskedLM,
)

from cnlu.encoder.hf_config import build_hf_config, read_hf_config
from cnlu.encoder.source import local_directory
from cnlu.encoder.tokenizer import read_tokenizer
from cnlu.encoder.transformers_logging import silent_transformers
from cnlu.encoder.weights import read_weights
from cnlu.errors import DataError, UsageError, one_line
from cnlu_pretrain.config import ArchitectureConfig, PretrainConfig, RunConfig
from cnlu_pretrain.corpus.corpus import Corpus, tokenizer_fingerprint

_BODY = ("embeddings", "encoder", "layer", "transformer")


@dataclass(frozen=True)
class Loaded:
    """A model for masked language, on the CPU in float32."""

    model: Any
    head_is_new: bool
    notes: list[str]


def load_encoder(source: str, corpus: Corpus, config: RunConfig) -> Loaded:
    """The encoder of a directory or hub name, with vectors for all of the corpus's tokens.

    Raises UsageError where there is none or the corpus was prepared with another tokenizer, DataError where it
    cannot be used.
    """
    directory = local_directory(source)
    where = str(directory)
    found = tokenizer_fingerprint(json.dumps(read_tokenizer(directory)[0]))
    if found not in (corpus.fingerprint, corpus.manifest["base_fingerprint"]):
        raise UsageError(
            f"{corpus.folder}: was prepared with another tokenizer (fingerprint {corpus.fingerprint[:12]}) than that "
            f"of {where} ({found[:12]}); prepare the corpus with --encoder {source}."
        )
    settings = build_hf_config(read_hf_config(directory), where)
    if type(settings) not in MODEL_FOR_MASKED_LM_MAPPING:
        raise DataError(
            f"{where}: {settings.model_type} has no head for masked language; name an encoder such as BERT."
        )
    weights = read_weights(directory)
    _set_dropout(settings, config.dropout)
    try:
        with silent_transformers():
            model, outcome = MODEL_FOR_MASKED_LM_MAPPING[type(settings)].from_pretrained(
                None,
                config=settings,
                state_dict=weights,
                dtype=torch.float32,
                attn_implementation=config.attention,
                output_loading_info=True,
            )
    except Exception as error:  # a model that cannot be built fails in a way of its own
        raise DataError(
            f"{where}: cannot be trained on masked language ({one_line(error)}); name another one."
        ) from error
    missing = {name for name in outcome["missing_keys"] if "position_ids" not in name}
    lost = sorted(name for name in missing if name.startswith(model.base_model_prefix + ".") and "pooler" not in name)
    if lost:
        raise DataError(f"{where}: lacks {len(lost)} of the encoder's weights, such as {lost[0]}; fetch it again.")
    notes = []
    if missing:
        notes.append(
            f"{where}: has no head for masked language; one is made anew and learns alone for the first "
            f"{config.head_warmup} steps"
        )
    grown = resize(model, corpus.vocabulary, corpus.manifest["added_tokens"])
    if grown:
        notes.append(f"{where}: {grown} vectors are added for new tokens, each the mean of its old pieces")
    _check_positions(model, config, where)
    return Loaded(model, bool(missing), notes)


def random_encoder(corpus: Corpus, config: PretrainConfig) -> Loaded:
    """A BERT of the corpus's vocabulary that knows nothing yet, the same for the same seed."""
    body: ArchitectureConfig = config.body
    torch.manual_seed(config.run.seed)
    settings = BertConfig(
        vocab_size=corpus.vocabulary,
        hidden_size=body.width,
        num_hidden_layers=body.layers,
        num_attention_heads=body.heads,
        intermediate_size=body.feedforward,
        max_position_embeddings=body.positions,
        pad_token_id=corpus.special_tokens.pad,
        hidden_dropout_prob=config.run.dropout,
        attention_probs_dropout_prob=config.run.dropout,
    )
    with silent_transformers():
        model = BertForMaskedLM._from_config(settings, attn_implementation=config.run.attention, dtype=torch.float32)
    _check_positions(model, config.run, "body.positions")
    return Loaded(model, False, [])


def generator_for(model: Any, share: float) -> Any:
    """A small encoder with a head that shares the token vectors of `model` (ELECTRA, section 3.2)."""
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
        pad_token_id=own.pad_token_id,
    )
    with silent_transformers():
        generator = ElectraForMaskedLM._from_config(settings, attn_implementation="sdpa", dtype=torch.float32)
    generator.set_input_embeddings(vectors)
    generator.tie_weights()
    return generator


def resize(model: Any, vocabulary: int, pieces: Mapping[str, list[int]]) -> int:
    """Make room for a larger vocabulary; returns how many vectors were added.

    `pieces`: new id -> the ids that stood for the same before, whose mean its vectors become.
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
            limit = module.num_embeddings - module.padding_idx - 1  # RoBERTa counts from behind the padding's
    for setting, length in (("run.length", config.length), ("run.long_length", config.long_length)):
        if isinstance(limit, int) and length > limit > 0:
            raise UsageError(f"{setting} ({length}) is more than the {limit} tokens that {where} can read.")


def write_encoder(folder: Path, model: Any, corpus: Corpus) -> None:
    """A directory that transformers and `cnlu train --encoder` read: weights, settings, tokenizer."""
    with silent_transformers():
        model.save_pretrained(folder)
    umask = os.umask(0)
    os.umask(umask)
    for weights in folder.glob("*.safetensors"):  # which only their writer could read
        weights.chmod(0o666 & ~umask)
    content = json.loads(corpus.tokenizer)
    tokenizer = Tokenizer.from_str(corpus.tokenizer)
    names = {i: name for name, i in tokenizer.get_vocab(with_added_tokens=True).items()}
    special_tokens = corpus.special_tokens
    before, after = [names[i] for i in special_tokens.before], [names[i] for i in special_tokens.after]
    if not content.get("post_processor"):
        content["post_processor"] = _surrounding(before, after, {name: i for i, name in names.items()})
    (folder / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": model.config.max_position_embeddings,
        "pad_token": names[special_tokens.pad],
        "mask_token": names[corpus.mask],
        "cls_token": (before or after)[0],
        "sep_token": (after or before)[0],
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
    }
    if special_tokens.unknown is not None:
        settings["unk_token"] = names[special_tokens.unknown]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, ensure_ascii=False, indent=1), "utf-8")


def _surrounding(before: list[str], after: list[str], ids: Mapping[str, int]) -> dict[str, Any]:
    """A post_processor that puts the marks around a text, and between two."""

    def special(names: list[str], kind: int) -> list[dict[str, Any]]:
        return [{"SpecialToken": {"id": name, "type_id": kind}} for name in names]

    first, second = ({"Sequence": {"id": name, "type_id": kind}} for kind, name in enumerate("AB"))
    return {
        "type": "TemplateProcessing",
        "single": [*special(before, 0), first, *special(after, 0)],
        "pair": [*special(before, 0), first, *special(after, 0), second, *special(after, 1)],
        "special_tokens": {n: {"id": n, "ids": [ids[n]], "tokens": [n]} for n in {*before, *after}},
    }
