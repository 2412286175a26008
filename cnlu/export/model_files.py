"""The files of a model directory; `cnlu.runtime.interpreter` reads them."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
from torch import Tensor

from cnlu.config import Config
from cnlu.data.schema import NluData
from cnlu.export.network_weights import NETWORK_WEIGHTS
from cnlu.features.vocabulary import Vocabularies
from cnlu.model.ensemble import Ensemble
from cnlu.runtime.labels import Labels


def model_files(
    *,
    config: Config,
    labels: Labels,
    data: NluData,
    vocabularies: Vocabularies,
    network: Ensemble,
    graph: bytes,
    metadata: dict[str, Any],
    tokens: str | None = None,
    weights: bytes | None = None,
) -> dict[str, bytes]:
    """File name -> bytes. `graph` is the exported network, `metadata` the content of training.json.

    `tokens` is the encoder's tokenizer as text.tokens.to_json writes it, `weights` the content of network.safetensors.
    """
    lexicon = {
        "lookups": data.lookups,
        "regexes": data.regexes,
        "synonyms": data.synonyms,
        "synonyms_of": data.synonyms_of,
    }
    files = {
        "config.json": _json(config.to_dict()),
        "labels.json": _json(labels.to_dict()),
        "lexicon.json": _json(lexicon),
        "character_features.tsv": vocabularies.characters.to_text().encode(),
        "sentence_features.tsv": vocabularies.sentence.to_text().encode(),
        "tagger.npy": _array(network.tagger()),
        "model.onnx": graph,
        "training.json": _json(metadata),
    }
    if (item_weights := network.item_weights()) is not None:
        files["groups.npy"] = _array(item_weights)
    if weights is not None:
        files[NETWORK_WEIGHTS] = weights
    return files if tokens is None else files | {"tokens.json": tokens.encode()}


def _array(tensor: Tensor) -> bytes:
    stream = io.BytesIO()
    np.save(stream, tensor.cpu().numpy(), allow_pickle=False)
    return stream.getvalue()


def _json(content: Any) -> bytes:
    return (json.dumps(content, ensure_ascii=True, indent=1) + "\n").encode()
