"""The dev split during training: frame accuracy after each epoch, calibration at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cnlu.config import Config
from cnlu.data.schema import Example
from cnlu.evaluation.metrics import evaluate
from cnlu.features.coverage import Met, known_share
from cnlu.features.extract import Extractor
from cnlu.features.synonyms import Synonyms
from cnlu.features.vocabulary import Vocabularies
from cnlu.features.windows import Plan
from cnlu.model.ensemble import Ensemble
from cnlu.runtime.assemble import Assembler, Scores, stitch
from cnlu.runtime.calibration import Calibration, fit_multi_label, fit_temperature
from cnlu.runtime.grouping import GroupDecoder
from cnlu.runtime.labels import Labels
from cnlu.runtime.lattice import build_lattice
from cnlu.runtime.onnx_session import open_graph
from cnlu.runtime.out_of_scope import fit_oos_scorer
from cnlu.text.tokens import AlignedTokenizer, Tokens
from cnlu.text.view import View, view
from cnlu.training.data.batching import collate
from cnlu.training.data.featurize import Row, feature_ids, intent_ids, plan_windows
from cnlu.training.data.multi_intent import synthesize_multi_intent
from cnlu.training.data.out_of_fold import group_by_mask, out_of_fold_outputs

BATCH = 128

Answers = Callable[[Sequence[Row]], Sequence[NDArray[Any]]]
"""Rows to emissions [B, L, tags], intent [B, intents], roles and groups [B, L, columns], padding included."""


def torch_scorer(network: Ensemble) -> Answers:
    """Of the network as it stands, without dropout; of each row by the members that have not learned from it."""
    network.eval()
    device = next(network.parameters()).device

    @torch.no_grad()
    def answer(rows: Sequence[Row]) -> list[NDArray[Any]]:
        return [output.cpu().numpy() for output in out_of_fold_outputs(network, collate(rows, device))]

    return answer


def onnx_scorer(graph: bytes) -> Answers:
    """Of an exported graph, on ONNX Runtime."""
    session = open_graph(graph, torch.get_num_threads())
    names = [one.name for one in session.get_inputs()]

    def answer(rows: Sequence[Row]) -> list[NDArray[Any]]:
        batch = collate(rows, torch.device("cpu"))
        inputs = {name: batch[name].numpy() for name in names}
        wide = {name: array.astype(np.int64) for name, array in inputs.items() if array.dtype == np.int32}
        return list(session.run(None, inputs | wide))

    return answer


class DevEvaluator:
    """Examples that calibrate, none of them blank, their features read once; scored by the same assembling as at run
    time. They are held out, or members of the network leave them out at first (`held_out_by` are their bits) and they are
    among those that are `learned`.

    Where a sentence may have several intents, as many joined of two stand beside them: few people write any, and
    sentences of one intent cannot tell how likely a second one is.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        extractor: Extractor,
        vocabularies: Vocabularies,
        labels: Labels,
        config: Config,
        synonyms: Synonyms,
        tokenizer: AlignedTokenizer | None = None,
        held_out_by: Sequence[int] = (),
        learned: Sequence[Example] = (),
    ) -> None:
        self.multi_intent = config.model.multi_label
        self.examples = examples
        alike = group_by_mask(examples, held_out_by) if self.multi_intent else {}
        pairs = [
            (pair, own)
            for own, those in alike.items()
            for pair in synthesize_multi_intent(those, 1.0, config.training.seed)
        ]
        read = [*zip(examples, held_out_by or [0] * len(examples), strict=True), *pairs]
        self.read, bits = [example for example, _ in read], [own for _, own in read]
        self.labels, self.synonyms = labels, synonyms
        self.out_of_scope_intent = config.model.out_of_scope
        self.tags = labels.tag_set(config.model.tagging)
        self.seen = [view(example.text) for example in self.read]
        self.hits = [extractor.hits(seen) for seen in self.seen[: len(examples)]]
        self.plans = [plan_windows(seen.text, config, tokenizer) for seen in self.seen]
        self.pieces: list[tuple[int, int, Row]] = []
        """(number of the example, of its window or -1 for its intent's text, what is read), short ones first"""
        self.known: dict[tuple[int, int], float] = {}
        """(the first two) -> how much of it training had met, itself aside"""
        self.met, self.learned = vocabularies.met, len(learned)
        texts = (extractor.extract(view(example.text)) for example in learned)
        met = Met.of(texts, config.features.min_count) if any(bits) else None

        def add(number: int, window: int, part: View) -> None:
            features = extractor.extract(part)
            characters, sentence = feature_ids(features, vocabularies)
            row = _reading(characters, sentence, tokenizer.read(part.text) if tokenizer else None, bits[number])
            self.pieces.append((number, window, row))
            self.known[number, window] = (
                met.share_without(features, vocabularies.characters.ids)
                if met
                else known_share(features, int(np.count_nonzero(characters)), self.met)
            )

        for number, (seen, found) in enumerate(zip(self.seen, self.plans, strict=True)):
            for k, window in enumerate(found.windows):
                add(number, k, seen.part([(window.start, window.end)]))
            if found.intent:
                add(number, -1, seen.part(found.intent))
        self.pieces.sort(key=lambda piece: len(piece[2]))

    def frame_accuracy(self, network: Ensemble) -> float:
        scores = self._scores(torch_scorer(network), len(self.examples))
        return float(self._metrics(network, scores, Calibration())["frame_accuracy"])

    def calibrate(self, network: Ensemble, answers: Answers | None = None) -> tuple[Calibration, dict[str, Any]]:
        """(what the dev sentences say of confidences, their metrics under it), of the network or of `answers`.

        `answers` are asked for one text at a time: 8 bits round over a whole batch.
        """
        count = len(self.read)
        scores = self._scores(answers, count, 1) if answers else self._scores(torch_scorer(network), count)
        known = [i for i, e in enumerate(self.examples) if intent_ids(e.intent, self.labels, self.multi_intent)]
        found = Calibration(*self._temperature(scores), calibrated_on=len(known))
        assembler = self._assembler(network, found)
        inside = [i for i in known if self.examples[i].intent != self.out_of_scope_intent]
        oos_scorer = fit_oos_scorer(
            [assembler.energy(scores[i].intent) for i in inside],
            [scores[i].known for i in inside],
            found.temperature,
            self.learned,
            self.met,
        )
        found = replace(found, oos_scorer=oos_scorer)
        return found, self._metrics(network, scores, found)

    def _temperature(self, scores: list[Scores]) -> tuple[float, float]:
        """(temperature, even score)"""
        numbers = [intent_ids(e.intent, self.labels, self.multi_intent) for e in self.read]
        known = [i for i, named in enumerate(numbers) if named]
        if not known or (len(self.labels.intents) < 2 and not self.multi_intent):
            return 1.0, 0.0
        logits = np.stack([scores[i].intent for i in known])
        if not self.multi_intent:
            return fit_temperature(logits, np.array([numbers[i][0] for i in known])), 0.0
        gold = np.zeros(logits.shape, bool)
        for row, i in enumerate(known):
            gold[row, numbers[i]] = True
        return fit_multi_label(logits, gold)

    def _assembler(self, network: Ensemble, found: Calibration) -> Assembler:
        tagger = network.tagger().cpu().numpy()
        lattice = build_lattice(tagger[:-2], tagger[-2], tagger[-1], self.tags)
        return Assembler(
            labels=self.labels,
            tags=self.tags,
            lattice=lattice,
            temperature=found.temperature,
            synonyms=self.synonyms,
            multi_label=self.multi_intent,
            oos_scorer=found.oos_scorer,
            out_of_scope_intent=self.out_of_scope_intent,
            decision_bias=found.decision_bias,
            group_decoder=self._items(network),
        )

    def _items(self, network: Ensemble) -> GroupDecoder | None:
        weights = network.item_weights()
        return (
            None
            if weights is None or self.labels.items is None
            else GroupDecoder(self.labels.items, weights.cpu().numpy())
        )

    def _metrics(self, network: Ensemble, scores: list[Scores], calibration: Calibration) -> dict[str, Any]:
        assembler = self._assembler(network, calibration)
        found = [assembler.result(e.text, s, h) for e, s, h in zip(self.examples, scores, self.hits, strict=False)]
        return evaluate(self.examples, found, self.labels)

    def _scores(self, answers: Answers, count: int, size: int = BATCH) -> list[Scores]:
        """The answers to the first `count` of what is read, in its order, asked for `size` at a time."""
        parts: list[dict[int, Scores]] = [{} for _ in range(count)]
        pieces = [piece for piece in self.pieces if piece[0] < count]
        for start in range(0, len(pieces), size):
            batch = pieces[start : start + size]
            arrays = answers([row for _, _, row in batch])
            for i, (number, window, row) in enumerate(batch):
                own = (a[i, : len(row)] if a.ndim == 3 else a[i] for a in arrays)
                parts[number][window] = Scores(*own, known=self.known[number, window])
        return [_stitched(found, answers) for found, answers in zip(self.plans, parts, strict=False)]


def _stitched(found: Plan, answers: Mapping[int, Scores]) -> Scores:
    return stitch([(window, answers[k]) for k, window in enumerate(found.windows)], answers.get(-1))


def _reading(characters: np.ndarray, sentence: np.ndarray, tokens: Tokens | None, held_out_by: int = 0) -> Row:
    """A row with nothing to answer."""
    nothing = np.zeros(len(characters), np.int64)
    return Row(characters, sentence, nothing, nothing, 0, (), tokens, held_out_by=held_out_by)
