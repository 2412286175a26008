"""The content of a model directory, file by file; `cnlu.runtime.interpreter` reads it back."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np

from cnlu.config import Config
from cnlu.data.schema import NluData
from cnlu.model.ensemble import Ensemble
from cnlu.runtime.labels import Labels
from cnlu.training.export import export_onnx
from cnlu.training.rows import Vocabularies


def model_files(
    config: Config, labels: Labels, data: NluData, vocabularies: Vocabularies, network: Ensemble, story: dict[str, Any]
) -> dict[str, bytes]:
    """File name -> bytes. `story` is what training.json tells: temperature, history, dev figures."""
    tagger = io.BytesIO()
    np.save(tagger, network.tagger().cpu().numpy(), allow_pickle=False)
    lexicon = {"lookups": data.lookups, "regexes": data.regexes, "synonyms": data.synonyms}
    return {
        "config.json": _json(config.to_dict()),
        "labels.json": _json(labels.to_dict()),
        "lexicon.json": _json(lexicon),
        "character_features.tsv": vocabularies.characters.to_text().encode(),
        "sentence_features.tsv": vocabularies.sentence.to_text().encode(),
        "tagger.npy": tagger.getvalue(),
        "model.onnx": export_onnx(network),
        "training.json": _json(story),
    }


def _json(content: Any) -> bytes:
    return (json.dumps(content, ensure_ascii=True, indent=1) + "\n").encode()
