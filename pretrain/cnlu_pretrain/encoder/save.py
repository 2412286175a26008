"""Writes an encoder as a Hugging Face directory."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from cnlu.encoder.nezha import NezhaModel
from cnlu.encoder.transformers_logging import silent_transformers
from cnlu_pretrain.corpus.corpus import Corpus
from cnlu_pretrain.encoder.nezha import NezhaForMaskedLM, save_nezha


def write_encoder(folder: Path, model: Any, corpus: Corpus) -> None:
    """Write weights, settings and tokenizer, readable by transformers and by `cnlu train --encoder`."""
    if isinstance(model, NezhaForMaskedLM | NezhaModel):
        save_nezha(folder, model)
    else:
        with silent_transformers():
            model.save_pretrained(folder)
    umask = os.umask(0)
    os.umask(umask)
    for weights in folder.glob("*.safetensors"):  # save_pretrained makes them readable by their owner only
        weights.chmod(0o666 & ~umask)
    content = json.loads(corpus.tokenizer)
    tokenizer = Tokenizer.from_str(corpus.tokenizer)
    names = {i: name for name, i in tokenizer.get_vocab(with_added_tokens=True).items()}
    special_tokens = corpus.special_tokens
    before, after = [names[i] for i in special_tokens.before], [names[i] for i in special_tokens.after]
    if not content.get("post_processor"):
        content["post_processor"] = _template(before, after, {name: i for i, name in names.items()})
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


def _template(before: list[str], after: list[str], ids: Mapping[str, int]) -> dict[str, Any]:
    """A post_processor that puts the special tokens around one text or two."""

    def special(names: list[str], type_id: int) -> list[dict[str, Any]]:
        return [{"SpecialToken": {"id": name, "type_id": type_id}} for name in names]

    first, second = ({"Sequence": {"id": name, "type_id": type_id}} for type_id, name in enumerate("AB"))
    return {
        "type": "TemplateProcessing",
        "single": [*special(before, 0), first, *special(after, 0)],
        "pair": [*special(before, 0), first, *special(after, 0), second, *special(after, 1)],
        "special_tokens": {n: {"id": n, "ids": [ids[n]], "tokens": [n]} for n in {*before, *after}},
    }
