"""Small corpora that tests prepare, and their content."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from cnlu_pretrain.config import PrepareConfig
from cnlu_pretrain.corpus.corpus import Corpus, open_corpus
from cnlu_pretrain.corpus.shards import concatenate
from cnlu_pretrain.prepare.prepare import PrepareRequest, prepare


def prepare_texts(
    tmp_path: Path,
    encoder: Path,
    *texts: str | bytes,
    name: str = "text.txt",
    request: dict[str, Any] | None = None,
    **settings: Any,
) -> Corpus:
    """The corpus of the given texts, each in a file; `request` has further arguments of the request."""
    paths = []
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}-{name}"
        content = text if isinstance(text, bytes) else text.encode()
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
        paths.append(str(path))
    out = tmp_path / "corpus"
    config = PrepareConfig(**{"processes": 1, "held_out": 0.0, **settings})
    prepare(PrepareRequest(paths, out, config, str(encoder), force=True, **(request or {})))
    return open_corpus(out)


def sentences(corpus: Corpus) -> list[list[str]]:
    """The sentences of each document, as their joined tokens."""
    names = {i: piece for piece, i in json.loads(corpus.tokenizer)["model"]["vocab"].items()}
    names |= {token["id"]: token["content"] for token in json.loads(corpus.tokenizer)["added_tokens"]}
    arrays = concatenate([corpus.read(shard) for shard in corpus.shards], corpus.token_type)
    bounds = np.append(0, np.cumsum(arrays.sentences.astype(int)))
    texts = ["".join(names[t] for t in arrays.tokens[a:b]) for a, b in pairwise(bounds)]
    ends = np.append(0, np.cumsum(arrays.documents.astype(int)))
    return [texts[a:b] for a, b in pairwise(ends)]


def corpus_files(corpus: Corpus) -> dict[str, bytes]:
    """The content of each file except the manifest, which records the settings."""
    return {path.name: path.read_bytes() for path in corpus.folder.iterdir() if path.name != "manifest.json"}
