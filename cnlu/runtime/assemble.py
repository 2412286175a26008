"""From the network's scores to a parse result; training's dev evaluation and the interpreter share it."""

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
from cnlu.runtime.grouping import Items
from cnlu.runtime.labels import Labels
from cnlu.runtime.out_of_scope import OosScorer, energy
from cnlu.text.view import View, view

EXTRACTOR = "CnluClassifier"
RANKING = 10
"""Most intents a result lists, as in Rasa; what the others share is not given to these."""


@dataclass(frozen=True)
class Scores:
    """The network's answer to one text of L characters."""

    emissions: NDArray[Any]
    """[L, tags]"""
    intent: NDArray[Any]
    """[intents], not yet calibrated"""
    roles: NDArray[Any]
    """[L, 1 + roles]"""
    groups: NDArray[Any]
    """[L, columns], as data.items numbers them"""
    known: float = field(default=1.0, kw_only=True)
    """How much of the text training had met, 0..1, as features.known tells it"""


def stitch(parts: Sequence[tuple[Window, Scores]], whole: Scores | None = None) -> Scores:
    """One text's scores: each character's from the window that keeps it, the intent's from `whole`.

    `whole` is the answer to what features.windows.Plan reads the intent from; a single window needs none.
    """
    if whole is None:
        return parts[0][1]

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(s, name)[w.keep_start - w.start : w.keep_end - w.start] for w, s in parts])

    return Scores(joined("emissions"), whole.intent, joined("roles"), joined("groups"), known=whole.known)


@dataclass(frozen=True)
class Assembler:
    """Scores to Rasa-shaped results."""

    labels: Labels
    tags: TagSet
    lattice: Lattice
    temperature: float
    """Intent scores are divided by it before the softmax (Guo et al. 2017, section 4.2)."""
    synonyms: Synonyms
    multi_intent: bool = False
    """Whether a sentence may have several intents, each scored by itself"""
    oos_scorer: OosScorer | None = None
    """Where the model's own sentences end; None where none were held out to tell"""
    out_of_scope_intent: str = ""
    """Name of the intent, if there is one, of sentences that belong to no other"""
    decision_bias: float = 0.0
    """Where there may be several: the score of an intent that is as likely as not"""
    items: Items | None = None
    """Decides the groups; None where no type has any"""

    def result(self, text: str, scores: Scores | None, hits: Sequence[Match] = ()) -> dict[str, Any]:
        """The parse result of `text`; None for scores means there is nothing to read in it.

        `hits` of the dictionaries become entities wherever the tagger found none. Scores and hits count the
        characters that are read (`cnlu.text.view`), the result those of `text`.
        """
        if scores is None:
            return {
                "text": text,
                "intent": {"name": None, "confidence": 0.0},
                "intent_ranking": [],
                "entities": [],
                "out_of_scope": 1.0 if self.labels.intents else 0.0,
                **({"intents": []} if self.multi_intent else {}),
            }
        given = np.asarray(scores.intent, np.float64)
        chances = given
        if self.labels.intents:
            chances = (
                sigmoid(given, self.temperature, self.decision_bias)
                if self.multi_intent
                else softmax(given, self.temperature)
            )
        ranking, best, intents = self._intents(chances)
        seen = view(text)
        return {
            "text": text,
            "intent": best,
            "intent_ranking": ranking,
            "entities": [_in_raw(entity, seen) for entity in self._entities(seen.text, scores, hits)],
            "out_of_scope": _rounded(self._outside(given, chances, scores.known)),
            **({"intents": intents} if self.multi_intent else {}),
        }

    def _found(self, text: str, scores: Scores, hits: Sequence[Match]) -> list[_Found]:
        """What the tagger found and, where it found nothing, the hits, each with the tagger's own probability of it.

        A type the tagger never saw has no probability; the hit itself is then all there is: 1.0.
        """
        spans: list[tuple[int, int, str]] = []
        if self.labels.entities:
            spans = self.tags.decode(viterbi(self.lattice, scores.emissions))
        taken = np.zeros(len(text), bool)
        for start, end, _ in spans:
            taken[start:end] = True
        added = without_overlaps([hit for hit in hits if not taken[hit.start : hit.end].any()])
        known = [*spans, *((h.start, h.end, h.name) for h in added if h.name in self.labels.entities)]
        chances = dict(zip(known, span_confidences(self.lattice, scores.emissions, known), strict=True))
        found = [_Found(*span, chances[span], EXTRACTOR) for span in spans]
        found += [_Found(h.start, h.end, h.name, chances.get((h.start, h.end, h.name), 1.0), h.kind) for h in added]
        return sorted(found)

    def _intents(self, chances: NDArray[Any]) -> tuple[list[dict[str, Any]], dict[str, Any], list[dict[str, Any]]]:
        """The ranking of single intents, the answer, and the single intents that it is made of.

        Where there may be several: all that are likelier than not, at least the likeliest; the answer's confidence is
        the probability of exactly this set, the labels taken as independent.
        """
        if not self.labels.intents:
            return [], {"name": None, "confidence": 0.0}, []
        order = np.argsort(-chances, kind="stable")
        ranking = [{"name": self.labels.intents[i], "confidence": _rounded(chances[i])} for i in order[:RANKING]]
        if not self.multi_intent:
            return ranking, dict(ranking[0]), ranking[:1]
        chosen = max(1, int((chances > 0.5).sum()))
        exactly = chances[order[:chosen]].prod() * (1.0 - chances[order[chosen:]]).prod()
        intents = [{"name": self.labels.intents[i], "confidence": _rounded(chances[i])} for i in order[:chosen]]
        name = self._combined([one["name"] for one in intents])
        return ranking, {"name": name, "confidence": _rounded(exactly)}, intents

    def energy(self, scores: NDArray[Any]) -> float:
        """Of the scores of the intents that are in scope."""
        return energy(np.asarray(scores, np.float64)[self._own], self.multi_intent)

    @cached_property
    def _own(self) -> list[int]:
        """Numbers of the intents that are in scope."""
        return [i for i, name in enumerate(self.labels.intents) if name != self.out_of_scope_intent]

    def _outside(self, scores: NDArray[Any], chances: NDArray[Any], known: float) -> float:
        """How sure it is that none of the intents in scope is meant: by the scores' energy and how much of the text is
        known, or by the intent for that.

        Without held-out sentences: the doubt in the likeliest intent in scope.
        """
        names = self.labels.intents
        if not names:
            return 0.0
        if self.oos_scorer is None:
            return 1.0 - float(chances[self._own].max(initial=0.0))
        strange = float(chances[names.index(self.out_of_scope_intent)]) if self.out_of_scope_intent in names else 0.0
        return 1.0 - (1.0 - self.oos_scorer.outside(self.energy(scores), known)) * (1.0 - strange)

    def _combined(self, names: list[str]) -> str:
        """As the examples write this combination; one they lack, the likeliest intent first."""
        known = (name for name in self.labels.combined if set(split_intent(name)) == set(names))
        return next(known, JOINER.join(names))

    def _entities(self, text: str, scores: Scores, hits: Sequence[Match]) -> list[dict[str, Any]]:
        """In the order of the text. Groups are decided last, of all of them together: roles tell kinds apart."""
        entities = []
        for start, end, kind, chance, _ in (found := self._found(text, scores, hits)):
            entity = {"entity": kind, "start": start, "end": end, "confidence_entity": _rounded(chance)}
            if allowed := self.labels.roles.get(kind):
                name, chance = _choose(scores.roles[start:end], self.labels.role_names, allowed)
                if name is not None:
                    entity |= {"role": name, "confidence_role": _rounded(chance)}
            entities.append(entity)
        self._add_groups(text, scores, entities)
        for entity, one in zip(entities, found, strict=True):
            surface = text[one.start : one.end]
            entity |= {"value": self.synonyms.value(surface, one.kind), "extractor": one.extractor}
        return entities

    def _add_groups(self, text: str, scores: Scores, entities: list[dict[str, Any]]) -> None:
        asked = [entity for entity in entities if entity["entity"] in self.labels.groups]
        if self.items is None or not asked:
            return
        spans = [(entity["start"], entity["end"]) for entity in asked]
        kinds = [(entity["entity"], entity.get("role")) for entity in asked]
        allowed = [self.labels.groups[kind] for kind, _ in kinds]
        found = self.items.decide(text, spans, kinds, allowed, scores.groups)
        for entity, (name, chance) in zip(asked, found, strict=True):
            if name is not None:
                entity |= {"group": name, "confidence_group": _rounded(chance)}


class _Found(NamedTuple):
    """An entity before its role, its group and its value."""

    start: int
    end: int
    kind: str
    confidence: float
    extractor: str


def _in_raw(entity: dict[str, Any], seen: View) -> dict[str, Any]:
    """With its offsets counted in the raw text; its value stays as read, free of what is invisible."""
    start, end = seen.to_raw(entity["start"], entity["end"])
    return entity | {"start": start, "end": end}


def _rounded(chance: float) -> float:
    """A probability to six digits: more would only look exact."""
    return round(float(chance), 6)


def _choose(scores: NDArray[Any], names: list[str], allowed: list[str]) -> tuple[str | None, float]:
    """The likeliest of "none" and the allowed names by the mean over a span's characters, scores [n, 1 + names]."""
    columns = [0, *(1 + names.index(name) for name in allowed)]
    chances = softmax(np.asarray(scores[:, columns].mean(axis=0), np.float64))
    best = int(chances.argmax())
    return ([None, *allowed][best], float(chances[best]))
