"""Turns the network's scores into a parse result; the dev evaluation of training and the interpreter share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnlu.data.multi_intent import JOINER, split_intent
from cnlu.data.tags import TagSet
from cnlu.features.lexicon import Match, without_overlaps
from cnlu.features.synonyms import Synonyms
from cnlu.features.windows import Window
from cnlu.runtime.calibration import sigmoid, softmax
from cnlu.runtime.decode import Lattice, span_confidences, viterbi
from cnlu.runtime.grouping import GroupDecoder
from cnlu.runtime.labels import Labels
from cnlu.runtime.out_of_scope import OosScorer, energy
from cnlu.text.view import View, view

EXTRACTOR = "CnluClassifier"
RANKING = 10
"""Length of the intent ranking, as in Rasa. The confidences are not renormalised over the intents listed."""


@dataclass(frozen=True)
class Scores:
    """The network's output for one text of L characters."""

    emissions: NDArray[Any]
    """[L, tags]"""
    intent: NDArray[Any]
    """[intents]: logits before calibration"""
    roles: NDArray[Any]
    """[L, 1 + roles]"""
    groups: NDArray[Any]
    """[L, columns]; `Labels.group_columns` names the columns"""
    known_share: float = field(default=1.0, kw_only=True)
    """Share of the text that training has seen, 0..1, from `features.coverage.known_share`"""


def stitch(pieces: Sequence[tuple[Window, Scores]], whole: Scores | None = None) -> Scores:
    """The scores of one text that was run in windows; each window contributes the characters that it keeps.

    The intent's scores come from `whole`, which is the output for the text that `features.windows.Plan` picks for the
    intent; None for a single window.
    """
    if whole is None:
        return pieces[0][1]

    def concatenated(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(s, name)[w.keep_start - w.start : w.keep_end - w.start] for w, s in pieces])

    return Scores(
        concatenated("emissions"),
        whole.intent,
        concatenated("roles"),
        concatenated("groups"),
        known_share=whole.known_share,
    )


@dataclass(frozen=True, kw_only=True)
class Assembler:
    """Turns scores into results in Rasa's shape."""

    labels: Labels
    tags: TagSet
    lattice: Lattice
    temperature: float
    """Divides the intent logits before the softmax or sigmoid (Guo et al. 2017, section 4.2)"""
    synonyms: Synonyms
    multi_label: bool = False
    """Whether a sentence may have several intents, each scored independently"""
    oos_scorer: OosScorer | None = None
    """The out-of-scope scorer; None if no held-out sentences were available to fit it"""
    out_of_scope_intent: str = ""
    """Name of the intent for out-of-scope sentences, if the model has one"""
    decision_bias: float = 0.0
    """With `multi_label`: the logit at which an intent has probability 0.5"""
    group_decoder: GroupDecoder | None = None
    """Assigns groups to entities; None if no entity type has groups"""

    def result(self, text: str, scores: Scores | None, matches: Sequence[Match] = ()) -> dict[str, Any]:
        """The parse result of `text`; pass None for `scores` if the text has no characters that the model reads.

        Dictionary `matches` become entities where the tagger finds none. Offsets in scores and matches count the
        characters of the view (`cnlu.text.view`); offsets in the result count the characters of `text`.
        """
        if scores is None:
            return {
                "text": text,
                "intent": {"name": None, "confidence": 0.0},
                "intent_ranking": [],
                "entities": [],
                "out_of_scope": 1.0 if self.labels.intents else 0.0,
                **({"intents": []} if self.multi_label else {}),
            }
        logits = np.asarray(scores.intent, np.float64)
        probabilities = self._probabilities(logits)
        ranking, best, intents = self._intents(probabilities)
        visible = view(text)
        return {
            "text": text,
            "intent": best,
            "intent_ranking": ranking,
            "entities": [_in_raw(entity, visible) for entity in self._entities(visible.text, scores, matches)],
            "out_of_scope": _rounded(self._out_of_scope(logits, probabilities, scores.known_share)),
            **({"intents": intents} if self.multi_label else {}),
        }

    def _probabilities(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Calibrated probabilities of the intents."""
        if not self.labels.intents:
            return logits
        if self.multi_label:
            return sigmoid(logits, self.temperature, self.decision_bias)
        return softmax(logits, self.temperature)

    def _spans(self, text: str, scores: Scores, matches: Sequence[Match]) -> list[_Span]:
        """The tagger's spans, and the dictionary matches that overlap none of them, each with the tagger's probability.

        A match of a type that the tagger was not trained on has no probability; its confidence is 1.0.
        """
        tagged: list[tuple[int, int, str]] = []
        if self.labels.entities:
            tagged = self.tags.decode(viterbi(self.lattice, scores.emissions))
        is_tagged = np.zeros(len(text), bool)
        for start, end, _ in tagged:
            is_tagged[start:end] = True
        untagged_matches = without_overlaps(
            [match for match in matches if not is_tagged[match.start : match.end].any()]
        )
        scored = [*tagged, *((m.start, m.end, m.name) for m in untagged_matches if m.name in self.labels.entities)]
        confidences = dict(zip(scored, span_confidences(self.lattice, scores.emissions, scored), strict=True))
        spans = [_Span(*span, confidences[span], EXTRACTOR) for span in tagged]
        spans += [
            _Span(m.start, m.end, m.name, confidences.get((m.start, m.end, m.name), 1.0), m.kind)
            for m in untagged_matches
        ]
        return sorted(spans)

    def _intents(
        self, probabilities: NDArray[Any]
    ) -> tuple[list[dict[str, Any]], dict[str, Any], list[dict[str, Any]]]:
        """(ranking of single intents, the answer, the single intents that make up the answer).

        With `multi_label` the answer consists of all intents with a probability above 0.5, and at least of the
        likeliest one. Its confidence is the probability of exactly this set, with the labels taken as independent.
        """
        if not self.labels.intents:
            return [], {"name": None, "confidence": 0.0}, []
        order = np.argsort(-probabilities, kind="stable")
        ranking = [{"name": self.labels.intents[i], "confidence": _rounded(probabilities[i])} for i in order[:RANKING]]
        if not self.multi_label:
            return ranking, dict(ranking[0]), ranking[:1]
        count = max(1, int((probabilities > 0.5).sum()))
        exactly = probabilities[order[:count]].prod() * (1.0 - probabilities[order[count:]]).prod()
        intents = [{"name": self.labels.intents[i], "confidence": _rounded(probabilities[i])} for i in order[:count]]
        name = self._combined_name([intent["name"] for intent in intents])
        return ranking, {"name": name, "confidence": _rounded(exactly)}, intents

    def energy(self, logits: NDArray[Any]) -> float:
        """The energy of the logits of the in-scope intents."""
        return energy(np.asarray(logits, np.float64)[self._in_scope], self.multi_label)

    @cached_property
    def _in_scope(self) -> list[int]:
        """Indices of the in-scope intents."""
        return [i for i, name in enumerate(self.labels.intents) if name != self.out_of_scope_intent]

    def _out_of_scope(self, logits: NDArray[Any], probabilities: NDArray[Any], known_share: float) -> float:
        """The out-of-scope score, 0..1: the scorer's score or the out-of-scope intent's probability (a noisy OR).

        Without a scorer it is one minus the probability of the likeliest in-scope intent.
        """
        names = self.labels.intents
        if not names:
            return 0.0
        if self.oos_scorer is None:
            return 1.0 - float(probabilities[self._in_scope].max(initial=0.0))
        by_intent = 0.0
        if self.out_of_scope_intent in names:
            by_intent = float(probabilities[names.index(self.out_of_scope_intent)])
        return 1.0 - (1.0 - self.oos_scorer.score(self.energy(logits), known_share)) * (1.0 - by_intent)

    def _combined_name(self, names: list[str]) -> str:
        """The combination as the examples spell it; if no example has it, the names joined in order of probability."""
        spellings = (name for name in self.labels.combined if set(split_intent(name)) == set(names))
        return next(spellings, JOINER.join(names))

    def _entities(self, text: str, scores: Scores, matches: Sequence[Match]) -> list[dict[str, Any]]:
        """The entities in text order. Groups come last: they depend on the types and roles of all entities."""
        entities = []
        for start, end, kind, confidence, _ in (spans := self._spans(text, scores, matches)):
            entity = {"entity": kind, "start": start, "end": end, "confidence_entity": _rounded(confidence)}
            if allowed := self.labels.roles.get(kind):
                name, confidence = _choose(scores.roles[start:end], self.labels.role_names, allowed)
                if name is not None:
                    entity |= {"role": name, "confidence_role": _rounded(confidence)}
            entities.append(entity)
        self._add_groups(text, scores, entities)
        for entity, span in zip(entities, spans, strict=True):
            surface = text[span.start : span.end]
            entity |= {"value": self.synonyms.value(surface, span.kind), "extractor": span.extractor}
        return entities

    def _add_groups(self, text: str, scores: Scores, entities: list[dict[str, Any]]) -> None:
        groupable = [entity for entity in entities if entity["entity"] in self.labels.groups]
        if self.group_decoder is None or not groupable:
            return
        spans = [(entity["start"], entity["end"]) for entity in groupable]
        kinds = [(entity["entity"], entity.get("role")) for entity in groupable]
        allowed = [self.labels.groups[kind] for kind, _ in kinds]
        groups = self.group_decoder.decide(text, spans, kinds, allowed, scores.groups)
        for entity, (name, confidence) in zip(groupable, groups, strict=True):
            if name is not None:
                entity |= {"group": name, "confidence_group": _rounded(confidence)}


class _Span(NamedTuple):
    """An entity before its role, group and value are known."""

    start: int
    end: int
    kind: str
    confidence: float
    extractor: str


def _in_raw(entity: dict[str, Any], visible: View) -> dict[str, Any]:
    """The entity with offsets into the raw text. Its value stays as read, without invisible characters."""
    start, end = visible.to_raw(entity["start"], entity["end"])
    return entity | {"start": start, "end": end}


def _rounded(probability: float) -> float:
    """A probability with six decimals; more digits would suggest a precision that it does not have."""
    return round(float(probability), 6)


def _choose(scores: NDArray[Any], names: list[str], allowed: list[str]) -> tuple[str | None, float]:
    """The likeliest of None and the allowed names, by the mean of `scores` [n, 1 + names] over a span's characters."""
    columns = [0, *(1 + names.index(name) for name in allowed)]
    probabilities = softmax(np.asarray(scores[:, columns].mean(axis=0), np.float64))
    best = int(probabilities.argmax())
    return ([None, *allowed][best], float(probabilities[best]))
