"""The dev split during training: frame accuracy after each epoch, calibration at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from cnlu.config import Config
from cnlu.data.schema import Example
from cnlu.evaluation.metrics import evaluate
from cnlu.features.extract import Extractor
from cnlu.features.windows import Window, windows
from cnlu.model.ensemble import Ensemble
from cnlu.runtime.assemble import Assembler, Scores, stitch
from cnlu.runtime.calibration import fit_temperature
from cnlu.runtime.labels import Labels
from cnlu.runtime.lattice import build_lattice
from cnlu.training.batches import collate
from cnlu.training.rows import Row, Vocabularies, reading_row

BATCH = 128


class Dev:
    """Dev examples, none of them blank, their features read once; scored by the same assembling as at run time."""

    def __init__(
        self, examples: Sequence[Example], extractor: Extractor, vocabularies: Vocabularies, labels: Labels,
        config: Config, synonyms: Mapping[str, str],
    ) -> None:  # fmt: skip
        self.examples, self.hits = examples, [extractor.hits(example.text) for example in examples]
        self.labels, self.synonyms = labels, {surface.lower(): value for surface, value in synonyms.items()}
        self.tags = labels.tag_set(config.model.tagging)
        self.pieces: list[tuple[int, Window, Row]] = []
        for number, example in enumerate(self.examples):
            for window in windows(len(example.text), config.training.max_length):
                features = extractor.extract(example.text[window.start : window.end])
                self.pieces.append((number, window, _reading(*reading_row(features, vocabularies))))
        self.pieces.sort(key=lambda piece: len(piece[2]))

    def frame_accuracy(self, network: Ensemble) -> float:
        return float(self._metrics(network, self._scores(network), 1.0)["frame_accuracy"])

    def calibrate(self, network: Ensemble) -> tuple[float, dict[str, Any]]:
        """(temperature fitted on the dev intents, the dev metrics under it)."""
        scores = self._scores(network)
        known = [i for i, e in enumerate(self.examples) if e.intent in self.labels.intents]
        temperature = 1.0
        if known and len(self.labels.intents) > 1:
            gold = np.array([self.labels.intents.index(str(self.examples[i].intent)) for i in known])
            temperature = fit_temperature(np.stack([scores[i].intent for i in known]), gold)
        return temperature, self._metrics(network, scores, temperature)

    def _metrics(self, network: Ensemble, scores: list[Scores], temperature: float) -> dict[str, Any]:
        tagger = network.tagger().cpu().numpy()
        lattice = build_lattice(tagger[:-2], tagger[-2], tagger[-1], self.tags)
        assembler = Assembler(self.labels, self.tags, lattice, temperature, self.synonyms)
        found = [
            assembler.result(e.text, s, h) for e, s, h in zip(self.examples, scores, self.hits, strict=True)
        ]
        return evaluate(self.examples, found, self.labels)

    @torch.no_grad()
    def _scores(self, network: Ensemble) -> list[Scores]:
        """The network's answers in the order of `examples`."""
        network.eval()
        device = next(network.parameters()).device
        parts: list[list[tuple[Window, Scores]]] = [[] for _ in self.examples]
        for start in range(0, len(self.pieces), BATCH):
            batch = self.pieces[start : start + BATCH]
            inputs = collate([row for _, _, row in batch], device)
            outputs = network(inputs["characters"], inputs["sentence"], inputs["mask"])
            arrays = [output.cpu().numpy() for output in outputs]
            for i, (number, window, row) in enumerate(batch):
                answer = Scores(*(a[i, : len(row)] if a.ndim == 3 else a[i] for a in arrays))
                parts[number].append((window, answer))
        return [stitch(sorted(answers, key=lambda part: part[0].start)) for answers in parts]


def _reading(characters: np.ndarray, sentence: np.ndarray) -> Row:
    """A row with nothing to answer."""
    nothing = np.zeros(len(characters), np.int64)
    return Row(characters, sentence, nothing, nothing, nothing, 0)
