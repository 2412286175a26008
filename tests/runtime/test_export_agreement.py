"""PyTorch, which trains, and ONNX Runtime, which serves, give the same answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

import torch

import cnlu
from cnlu.config.files import load_config
from cnlu.data.load import load_data
from cnlu.runtime.assemble import Scores
from cnlu.text.tokens import AlignedTokenizer, pad_tokens
from cnlu.text.view import view
from cnlu.training.data.featurize import feature_ids
from cnlu.training.pipeline import TrainingResult
from cnlu.training.request import Request
from cnlu.training.train import train

SETTINGS = [
    "model.members=2",
    "model.sparse_width=32",
    "model.width=32",
    "model.layers=2",
    "model.heads=2",
    "model.feedforward=64",
    "training.max_epochs=4",
    "training.min_epochs=1",
    "training.batch_size=32",
    "training.learning_rate=5e-3",
    "training.sparse_learning_rate=1e-2",
    "training.average=0.9",
]


def torch_scores(trained: TrainingResult, text: str, tokens: AlignedTokenizer | None) -> Scores:
    seen = view(text)
    features = feature_ids(trained.extractor.extract(seen), trained.vocabularies)
    characters, sentence = (torch.from_numpy(array)[None].long() for array in features)
    batch = {"characters": characters, "sentence": sentence, "mask": torch.ones(characters.shape[:2])}
    if tokens is not None:
        batch |= {name: torch.from_numpy(a) for name, a in pad_tokens([tokens.encode(seen.text)], len(seen)).items()}
    with torch.no_grad():
        return Scores(*(output[0].numpy() for output in trained.network(batch)))


@pytest.mark.parametrize(
    "encoder", [None, *(pytest.param(name, marks=pytest.mark.slow) for name in ("simbert-tiny", "bge-small-zh-v1.5"))]
)
def test_500_real_sentences_get_the_same_frames(encoder: str | None, shared: Path, tmp_path: Path) -> None:
    data = shared / "data" / "smp2019_ecdt"
    source = str(shared / "weights" / encoder) if encoder else None
    frozen = ["encoder.tuning=frozen"] if encoder else []
    config = load_config(None, [*SETTINGS, *frozen], encoder=bool(encoder))
    part = tmp_path / "part.jsonl"
    part.write_bytes(b"".join((data / "train.jsonl").read_bytes().splitlines(keepends=True)[::4]))
    trained = train(Request([part], tmp_path / "model", config, encoder=source, device="cpu", quiet=True))
    trained.network.eval()
    model = cnlu.load(tmp_path / "model")
    texts = [example.text for example in load_data([data / "test.jsonl", data / "dev.jsonl"]).examples]
    assert len(texts) > 500
    entities = 0
    for text in texts:
        expected, found = torch_scores(trained, text, model.tokens), model.scores(text)
        for name in ("emissions", "intent", "roles", "groups"):
            assert np.allclose(getattr(found, name), getattr(expected, name), atol=1e-4), text
        frames = [model.assembler.result(text, scores) for scores in (expected, found)]
        kept = [(f["intent"]["name"], [(e["start"], e["end"], e["entity"]) for e in f["entities"]]) for f in frames]
        assert kept[0] == kept[1]
        entities += len(kept[0][1])
    assert entities > 100
