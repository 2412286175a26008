"""From the network's scores to a parse result; training's dev evaluation and the interpreter share it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnlu.data.several import JOINER, parts
from cnlu.data.tags import TagSet
from cnlu.features.lexicon import Match, without_overlaps
from cnlu.features.windows import Window
from cnlu.runtime.calibration import sigmoid, softmax
from cnlu.runtime.decode import Lattice, span_confidences, viterbi
from cnlu.runtime.labels import Labels
from cnlu.runtime.scope import Scope, energy

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
    """[L, 1 + groups]"""


def stitch(parts: Sequence[tuple[Window, Scores]], whole: Scores | None = None) -> Scores:
    """One text's scores: each character's from the window that keeps it, the intent's from `whole`.

    `whole` is the answer to what features.windows.Plan reads the intent from; a single window needs none.
    """
    if whole is None:
        return parts[0][1]

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate(
            [getattr(s, name)[w.keep_start - w.start : w.keep_end - w.start] for w, s in parts]
        )

    return Scores(joined("emissions"), whole.intent, joined("roles"), joined("groups"))


@dataclass(frozen=True)
class Assembler:
    """Scores to Rasa-shaped results."""

    labels: Labels
    tags: TagSet
    lattice: Lattice
    temperature: float
    """Intent scores are divided by it before the softmax (Guo et al. 2017, section 4.2)."""
    synonyms: Mapping[str, str]
    """Lower-case surface -> canonical value."""
    several: bool = False
    """Whether a sentence may have several intents, each scored by itself"""
    scope: Scope | None = None
    """Where the model's own sentences end; None where none were held out to tell"""
    stranger: str = ""
    """Name of the intent, if there is one, of sentences that belong to no other"""
    even: float = 0.0
    """Where there may be several: the score of an intent that is as likely as not"""

    def result(self, text: str, scores: Scores | None, hits: Sequence[Match] = ()) -> dict[str, Any]:
        """The parse result of `text`; None for scores means there is nothing to read in it.

        `hits` of the dictionaries become entities wherever the tagger found none.
        """
        if scores is None:
            return {"text": text, "intent": {"name": None, "confidence": 0.0}, "intent_ranking": [], "entities": [],
                    "out_of_scope": 1.0 if self.labels.intents else 0.0,
                    **({"intents": []} if self.several else {})}  # fmt: skip
        given = np.asarray(scores.intent, np.float64)
        chances = given
        if self.labels.intents:
            chances = sigmoid(given, self.temperature, self.even) if self.several else softmax(given, self.temperature)
        ranking, best, intents = self._intents(chances)
        return {
            "text": text,
            "intent": best,
            "intent_ranking": ranking,
            "entities": self._with_hits(text, scores, self._entities(text, scores), hits),
            "out_of_scope": _rounded(self._outside(given, chances)),
            **({"intents": intents} if self.several else {}),
        }

    def _with_hits(
        self, text: str, scores: Scores, entities: list[dict[str, Any]], hits: Sequence[Match]
    ) -> list[dict[str, Any]]:
        """The entities and the hits beside them, each hit with the tagger's own probability of it.

        A type the tagger never saw has no probability; the hit itself is then all there is: 1.0.
        """
        taken = np.zeros(len(text), bool)
        for entity in entities:
            taken[entity["start"] : entity["end"]] = True
        added = []
        for hit in without_overlaps([hit for hit in hits if not taken[hit.start : hit.end].any()]):
            span, confidence = (hit.start, hit.end, hit.name), 1.0
            if hit.name in self.labels.entities:
                confidence = span_confidences(self.lattice, scores.emissions, [span])[0]
            added.append(self._entity(text, scores, span, confidence, hit.kind))
        return sorted([*entities, *added], key=lambda entity: entity["start"])

    def _intents(self, chances: NDArray[Any]) -> tuple[list[dict[str, Any]], dict[str, Any], list[dict[str, Any]]]:
        """The ranking of single intents, the answer, and the single intents that it is made of.

        Where there may be several: all that are likelier than not, at least the likeliest; the answer's confidence is
        the probability of exactly this set, the labels taken as independent.
        """
        if not self.labels.intents:
            return [], {"name": None, "confidence": 0.0}, []
        order = np.argsort(-chances, kind="stable")
        ranking = [{"name": self.labels.intents[i], "confidence": _rounded(chances[i])} for i in order[:RANKING]]
        if not self.several:
            return ranking, dict(ranking[0]), ranking[:1]
        chosen = max(1, int((chances > 0.5).sum()))
        exactly = chances[order[:chosen]].prod() * (1.0 - chances[order[chosen:]]).prod()
        intents = [{"name": self.labels.intents[i], "confidence": _rounded(chances[i])} for i in order[:chosen]]
        name = self._combined([one["name"] for one in intents])
        return ranking, {"name": name, "confidence": _rounded(exactly)}, intents

    def energy(self, scores: NDArray[Any]) -> float:
        """Of the scores of the intents that are in scope."""
        return energy(np.asarray(scores, np.float64)[self._own], self.several)

    @cached_property
    def _own(self) -> list[int]:
        """Numbers of the intents that are in scope."""
        return [i for i, name in enumerate(self.labels.intents) if name != self.stranger]

    def _outside(self, scores: NDArray[Any], chances: NDArray[Any]) -> float:
        """How sure it is that none of the intents in scope is meant: by the scores' energy, or by the intent for that.

        Without held-out sentences: the doubt in the likeliest intent in scope.
        """
        names = self.labels.intents
        if not names:
            return 0.0
        if self.scope is None:
            return 1.0 - float(chances[self._own].max(initial=0.0))
        strange = float(chances[names.index(self.stranger)]) if self.stranger in names else 0.0
        return 1.0 - (1.0 - self.scope.outside(self.energy(scores))) * (1.0 - strange)

    def _combined(self, names: list[str]) -> str:
        """As the examples write this combination; one they lack, the likeliest intent first."""
        known = (name for name in self.labels.combined if set(parts(name)) == set(names))
        return next(known, JOINER.join(names))

    def _entities(self, text: str, scores: Scores) -> list[dict[str, Any]]:
        if not self.labels.entities:
            return []
        spans = self.tags.decode(viterbi(self.lattice, scores.emissions))
        chances = span_confidences(self.lattice, scores.emissions, spans)
        return [
            self._entity(text, scores, span, chance, EXTRACTOR)
            for span, chance in zip(spans, chances, strict=True)
        ]

    def _entity(
        self, text: str, scores: Scores, span: tuple[int, int, str], confidence: float, extractor: str
    ) -> dict[str, Any]:
        start, end, kind = span
        surface = text[start:end]
        entity = {"entity": kind, "start": start, "end": end, "confidence_entity": _rounded(confidence)}
        for part, names, allowed, table in (
            ("role", self.labels.role_names, self.labels.roles.get(kind), scores.roles),
            ("group", self.labels.group_names, self.labels.groups.get(kind), scores.groups),
        ):
            if allowed:
                name, chance = _choose(table[start:end], names, allowed)
                if name is not None:
                    entity |= {part: name, f"confidence_{part}": _rounded(chance)}
        return entity | {"value": self.synonyms.get(surface.lower(), surface), "extractor": extractor}


def _rounded(chance: float) -> float:
    """A probability to six digits: more would only look exact."""
    return round(float(chance), 6)


def _choose(scores: NDArray[Any], names: list[str], allowed: list[str]) -> tuple[str | None, float]:
    """The likeliest of "none" and the allowed names by the mean over a span's characters, scores [n, 1 + names]."""
    columns = [0, *(1 + names.index(name) for name in allowed)]
    chances = softmax(np.asarray(scores[:, columns].mean(axis=0), np.float64))
    best = int(chances.argmax())
    return ([None, *allowed][best], float(chances[best]))
