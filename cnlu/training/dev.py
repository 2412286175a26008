"""The dev split during training: frame accuracy after each epoch, calibration at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cnlu.config import Config
from cnlu.data.schema import Example
from cnlu.evaluation.metrics import evaluate
from cnlu.features.extract import Extractor
from cnlu.features.windows import Plan
from cnlu.model.ensemble import Ensemble
from cnlu.runtime.assemble import Assembler, Scores, stitch
from cnlu.runtime.calibration import fit_several, fit_temperature
from cnlu.runtime.graph import open_graph
from cnlu.runtime.labels import Labels
from cnlu.runtime.lattice import build_lattice
from cnlu.runtime.scope import Scope, fit_scope
from cnlu.text.tokens import TokenReader, Tokens
from cnlu.training.batches import collate
from cnlu.training.joining import joined
from cnlu.training.rows import Row, Vocabularies, intent_numbers, plan_of, reading_row

BATCH = 128

Answers = Callable[[Sequence[Row]], Sequence[NDArray[Any]]]
"""Rows to emissions [B, L, tags], intent [B, intents], roles and groups [B, L, names], padding included."""


def torch_answers(network: Ensemble) -> Answers:
    """Of the network as it stands, without dropout."""
    network.eval()
    device = next(network.parameters()).device

    @torch.no_grad()
    def answer(rows: Sequence[Row]) -> list[NDArray[Any]]:
        return [output.cpu().numpy() for output in network(collate(rows, device))]

    return answer


def graph_answers(graph: bytes) -> Answers:
    """Of an exported graph, on ONNX Runtime."""
    session = open_graph(graph, torch.get_num_threads())
    names = [one.name for one in session.get_inputs()]

    def answer(rows: Sequence[Row]) -> list[NDArray[Any]]:
        batch = collate(rows, torch.device("cpu"))
        inputs = {name: batch[name].numpy() for name in names}
        wide = {name: array.astype(np.int64) for name, array in inputs.items() if array.dtype == np.int32}
        return list(session.run(None, inputs | wide))

    return answer


@dataclass(frozen=True)
class Calibration:
    """What sentences that were not learned from tell of a model's scores."""

    temperature: float = 1.0
    """Of the intents"""
    even: float = 0.0
    """Where there may be several: the score of an intent that is as likely as not"""
    scope: Scope | None = None
    """Where the sentences in scope end; None where none of them was held out"""


class Dev:
    """Dev examples, none of them blank, their features read once; scored by the same assembling as at run time.

    Where a sentence may have several intents, as many joined of two stand beside them: few people write any, and
    sentences of one intent cannot tell how likely a second one is.
    """

    def __init__(
        self, examples: Sequence[Example], extractor: Extractor, vocabularies: Vocabularies, labels: Labels,
        config: Config, synonyms: Mapping[str, str], reader: TokenReader | None = None,
    ) -> None:  # fmt: skip
        self.several = config.model.multi_label
        self.examples, self.hits = examples, [extractor.hits(example.text) for example in examples]
        self.read = [*examples, *(joined(examples, 1.0, config.training.seed) if self.several else [])]
        self.labels, self.synonyms = labels, {surface.lower(): value for surface, value in synonyms.items()}
        self.stranger = config.model.out_of_scope
        self.tags = labels.tag_set(config.model.tagging)
        self.plans = [plan_of(example.text, config, reader) for example in self.read]
        self.pieces: list[tuple[int, int, Row]] = []
        """(number of the example, of its window or -1 for its intent's text, what is read), short ones first"""

        def add(number: int, window: int, text: str) -> None:
            features = reading_row(extractor.extract(text), vocabularies)
            self.pieces.append((number, window, _reading(*features, reader.read(text) if reader else None)))

        for number, (example, found) in enumerate(zip(self.read, self.plans, strict=True)):
            for k, window in enumerate(found.windows):
                add(number, k, example.text[window.start : window.end])
            if found.intent:
                add(number, -1, found.intent_text(example.text))
        self.pieces.sort(key=lambda piece: len(piece[2]))

    def frame_accuracy(self, network: Ensemble) -> float:
        scores = self._scores(torch_answers(network), len(self.examples))
        return float(self._metrics(network, scores, Calibration())["frame_accuracy"])

    def calibrate(self, network: Ensemble, answers: Answers | None = None) -> tuple[Calibration, dict[str, Any]]:
        """(what the dev sentences say of confidences, their metrics under it), of the network or of `answers`.

        `answers` are asked for one text at a time: 8 bits round over a whole batch.
        """
        count = len(self.read)
        scores = self._scores(answers, count, 1) if answers else self._scores(torch_answers(network), count)
        found = Calibration(*self._temperature(scores))
        assembler = self._assembler(network, found)
        inside = [i for i, e in enumerate(self.examples)
                  if e.intent != self.stranger and intent_numbers(e.intent, self.labels, self.several)]  # fmt: skip
        found = replace(found, scope=fit_scope([assembler.energy(scores[i].intent) for i in inside]))
        return found, self._metrics(network, scores, found)

    def _temperature(self, scores: list[Scores]) -> tuple[float, float]:
        """(temperature, even score)"""
        numbers = [intent_numbers(e.intent, self.labels, self.several) for e in self.read]
        known = [i for i, named in enumerate(numbers) if named]
        if not known or (len(self.labels.intents) < 2 and not self.several):
            return 1.0, 0.0
        logits = np.stack([scores[i].intent for i in known])
        if not self.several:
            return fit_temperature(logits, np.array([numbers[i][0] for i in known])), 0.0
        gold = np.zeros(logits.shape, bool)
        for row, i in enumerate(known):
            gold[row, numbers[i]] = True
        return fit_several(logits, gold)

    def _assembler(self, network: Ensemble, found: Calibration) -> Assembler:
        tagger = network.tagger().cpu().numpy()
        lattice = build_lattice(tagger[:-2], tagger[-2], tagger[-1], self.tags)
        return Assembler(self.labels, self.tags, lattice, found.temperature, self.synonyms, self.several, found.scope,
                         self.stranger, found.even)  # fmt: skip

    def _metrics(self, network: Ensemble, scores: list[Scores], calibration: Calibration) -> dict[str, Any]:
        assembler = self._assembler(network, calibration)
        found = [
            assembler.result(e.text, s, h) for e, s, h in zip(self.examples, scores, self.hits, strict=False)
        ]
        return evaluate(self.examples, found, self.labels)

    def _scores(self, answers: Answers, count: int, size: int = BATCH) -> list[Scores]:
        """The answers to the first `count` of what is read, in its order, asked for `size` at a time."""
        parts: list[dict[int, Scores]] = [{} for _ in range(count)]
        pieces = [piece for piece in self.pieces if piece[0] < count]
        for start in range(0, len(pieces), size):
            batch = pieces[start : start + size]
            arrays = answers([row for _, _, row in batch])
            for i, (number, window, row) in enumerate(batch):
                parts[number][window] = Scores(*(a[i, : len(row)] if a.ndim == 3 else a[i] for a in arrays))
        return [_stitched(found, answers) for found, answers in zip(self.plans, parts, strict=False)]


def _stitched(found: Plan, answers: Mapping[int, Scores]) -> Scores:
    return stitch([(window, answers[k]) for k, window in enumerate(found.windows)], answers.get(-1))


def _reading(characters: np.ndarray, sentence: np.ndarray, tokens: Tokens | None) -> Row:
    """A row with nothing to answer."""
    nothing = np.zeros(len(characters), np.int64)
    return Row(characters, sentence, nothing, nothing, nothing, 0, (), tokens)
