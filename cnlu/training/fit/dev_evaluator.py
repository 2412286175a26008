"""Evaluate on the dev examples: frame accuracy after each epoch, calibration at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from cnlu.config import Config
from cnlu.data.schema import Example
from cnlu.evaluation.metrics import evaluate
from cnlu.features.coverage import SeenFeatures, known_share
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
INTENT_TEXT = -1
"""The window number of the text that a long example's intent is classified from"""

Scorer = Callable[[Sequence[Row]], Sequence[NDArray[Any]]]
"""Scores rows: emissions [B, L, tags], intent [B, intents], roles and groups [B, L, columns], padded."""


def torch_scorer(network: Ensemble) -> Scorer:
    """Scores by the network without dropout; the members that have learned from a row do not score it."""
    network.eval()
    device = next(network.parameters()).device

    @torch.no_grad()
    def score(rows: Sequence[Row]) -> list[NDArray[Any]]:
        return [output.cpu().numpy() for output in out_of_fold_outputs(network, collate(rows, device))]

    return score


def onnx_scorer(graph: bytes) -> Scorer:
    """Scores by an exported graph on ONNX Runtime."""
    session = open_graph(graph, torch.get_num_threads())
    names = [tensor.name for tensor in session.get_inputs()]

    def score(rows: Sequence[Row]) -> list[NDArray[Any]]:
        batch = collate(rows, torch.device("cpu"))
        inputs = {name: batch[name].numpy() for name in names}
        wide = {name: array.astype(np.int64) for name, array in inputs.items() if array.dtype == np.int32}
        return list(session.run(None, inputs | wide))

    return score


class DevWindow(NamedTuple):
    """A window of a dev example, or the text of a long example's intent."""

    example: int
    """Number of the example"""
    window: int
    """Number of the window in its plan, or INTENT_TEXT"""
    row: Row
    known_share: float
    """Share of its features that training has seen, not counting the example itself"""


class DevEvaluator:
    """Scores the dev examples; features are computed once, and results are assembled as at run time.

    The examples are either held out from training, or among the `learned` examples that some members of the ensemble
    do not learn from at first; then `held_out_by` holds the masks of these members. No example is blank.

    For multi-intent, as many synthesized pairs are added, because few users annotate pairs, and sentences with one
    intent do not show how likely a second one is.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        *,
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
        self.scored, masks = _with_pairs(examples, held_out_by, config)
        self.labels, self.synonyms = labels, synonyms
        self.out_of_scope_intent = config.model.out_of_scope
        self.tags = labels.tag_set(config.model.tagging)
        views = [view(example.text) for example in self.scored]
        self.hits = [extractor.hits(visible) for visible in views[: len(examples)]]
        self.plans = [plan_windows(visible.text, config, tokenizer) for visible in views]
        self.seen_characters, self.learned = vocabularies.seen_characters, len(learned)
        features_of_learned = (extractor.extract(view(example.text)) for example in learned)
        coverage = SeenFeatures.of(features_of_learned, config.features.min_count) if any(masks) else None

        def dev_window(number: int, window: int, part: View) -> DevWindow:
            features = extractor.extract(part)
            characters, sentence = feature_ids(features, vocabularies)
            tokens = tokenizer.encode(part.text) if tokenizer else None
            if coverage:
                share = coverage.share_without(features, vocabularies.characters.ids)
            else:
                share = known_share(features, int(np.count_nonzero(characters)), vocabularies.seen_characters)
            return DevWindow(number, window, _unlabelled_row(characters, sentence, tokens, masks[number]), share)

        parts = ((i, *part) for i, pair in enumerate(zip(views, self.plans, strict=True)) for part in _parts(*pair))
        self.windows = sorted((dev_window(*part) for part in parts), key=lambda window: len(window.row))

    def replace_rows(self, compute: Callable[[list[Row]], list[Row]]) -> None:
        """Replace all rows by the output of `compute`, such as rows with frozen features."""
        rows = compute([window.row for window in self.windows])
        self.windows = [window._replace(row=row) for window, row in zip(self.windows, rows, strict=True)]

    def frame_accuracy(self, network: Ensemble) -> float:
        """Frame accuracy on the examples, before calibration."""
        scores = self._scores(torch_scorer(network), len(self.examples))
        return float(self._metrics(network, scores, Calibration())["frame_accuracy"])

    def calibrate(self, network: Ensemble, scorer: Scorer | None = None) -> tuple[Calibration, dict[str, Any]]:
        """(calibration, metrics under it) of the scores of the network, or of those of `scorer`.

        `scorer` gets one text at a time, because 8-bit quantization rounds over a whole batch.
        """
        count = len(self.scored)
        scores = self._scores(scorer, count, 1) if scorer else self._scores(torch_scorer(network), count)
        labelled = [i for i, e in enumerate(self.examples) if intent_ids(e.intent, self.labels, self.multi_intent)]
        calibration = Calibration(*self._temperature(scores), calibrated_on=len(labelled))
        assembler = self._assembler(network, calibration)
        in_scope = [i for i in labelled if self.examples[i].intent != self.out_of_scope_intent]
        oos_scorer = fit_oos_scorer(
            [assembler.energy(scores[i].intent) for i in in_scope],
            [scores[i].known_share for i in in_scope],
            calibration.temperature,
            self.learned,
            self.seen_characters,
        )
        calibration = replace(calibration, oos_scorer=oos_scorer)
        return calibration, self._metrics(network, scores, calibration)

    def _temperature(self, scores: list[Scores]) -> tuple[float, float]:
        """(temperature, decision bias)"""
        numbers = [intent_ids(e.intent, self.labels, self.multi_intent) for e in self.scored]
        labelled = [i for i, intents in enumerate(numbers) if intents]
        if not labelled or (len(self.labels.intents) < 2 and not self.multi_intent):
            return 1.0, 0.0
        logits = np.stack([scores[i].intent for i in labelled])
        if not self.multi_intent:
            return fit_temperature(logits, np.array([numbers[i][0] for i in labelled])), 0.0
        gold = np.zeros(logits.shape, bool)
        for row, i in enumerate(labelled):
            gold[row, numbers[i]] = True
        return fit_multi_label(logits, gold)

    def _assembler(self, network: Ensemble, calibration: Calibration) -> Assembler:
        tagger = network.tagger().cpu().numpy()
        return Assembler(
            labels=self.labels,
            tags=self.tags,
            lattice=build_lattice(tagger[:-2], tagger[-2], tagger[-1], self.tags),
            temperature=calibration.temperature,
            synonyms=self.synonyms,
            multi_label=self.multi_intent,
            oos_scorer=calibration.oos_scorer,
            out_of_scope_intent=self.out_of_scope_intent,
            decision_bias=calibration.decision_bias,
            group_decoder=self._group_decoder(network),
        )

    def _group_decoder(self, network: Ensemble) -> GroupDecoder | None:
        weights = network.item_weights()
        if weights is None or self.labels.items is None:
            return None
        return GroupDecoder(self.labels.items, weights.cpu().numpy())

    def _metrics(self, network: Ensemble, scores: list[Scores], calibration: Calibration) -> dict[str, Any]:
        assembler = self._assembler(network, calibration)
        results = [assembler.result(e.text, s, h) for e, s, h in zip(self.examples, scores, self.hits, strict=False)]
        return evaluate(self.examples, results, self.labels)

    def _scores(self, scorer: Scorer, count: int, batch_size: int = BATCH) -> list[Scores]:
        """The scores of the first `count` texts, in order, computed `batch_size` windows at a time."""
        parts: list[dict[int, Scores]] = [{} for _ in range(count)]
        windows = [window for window in self.windows if window.example < count]
        for start in range(0, len(windows), batch_size):
            batch = windows[start : start + batch_size]
            arrays = scorer([window.row for window in batch])
            for i, (example, window, row, share) in enumerate(batch):
                outputs = (array[i, : len(row)] if array.ndim == 3 else array[i] for array in arrays)
                parts[example][window] = Scores(*outputs, known_share=share)
        return [_stitched(plan, scores) for plan, scores in zip(self.plans, parts, strict=False)]


def _with_pairs(
    examples: Sequence[Example], held_out_by: Sequence[int], config: Config
) -> tuple[list[Example], list[int]]:
    """The examples and, for multi-intent, pairs of examples with the same mask; and the mask of each."""
    masked = [*zip(examples, held_out_by or [0] * len(examples), strict=True)]
    by_mask = group_by_mask(examples, held_out_by) if config.model.multi_label else {}
    for mask, group in by_mask.items():
        masked += [(pair, mask) for pair in synthesize_multi_intent(group, 1.0, config.training.seed)]
    return [example for example, _ in masked], [mask for _, mask in masked]


def _parts(visible: View, plan: Plan) -> list[tuple[int, View]]:
    """(number, text) of each window of a plan, and of the text of the intent."""
    parts = [(k, visible.part([(window.start, window.end)])) for k, window in enumerate(plan.windows)]
    return [*parts, (INTENT_TEXT, visible.part(plan.intent))] if plan.intent else parts


def _stitched(plan: Plan, scores: Mapping[int, Scores]) -> Scores:
    return stitch([(window, scores[k]) for k, window in enumerate(plan.windows)], scores.get(INTENT_TEXT))


def _unlabelled_row(characters: np.ndarray, sentence: np.ndarray, tokens: Tokens | None, held_out_by: int) -> Row:
    """A row without gold labels."""
    no_labels = np.zeros(len(characters), np.int64)
    return Row(
        characters=characters,
        sentence=sentence,
        tags=no_labels,
        roles=no_labels,
        intent=0,
        second_intent=(),
        tokens=tokens,
        held_out_by=held_out_by,
    )
