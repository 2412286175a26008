"""The out-of-scope score: ordered by energy, placed by held-out sentences, helped by an intent for strangers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.data.tags import TagSet
from cnlu.features.synonyms import Synonyms
from cnlu.runtime.assemble import Assembler, Scores
from cnlu.runtime.labels import Labels
from cnlu.runtime.lattice import build_lattice
from cnlu.runtime.scope import Scope, energy, fit_scope
from cnlu.text.normalize import Normalizer

TAGS = TagSet([], "BIO")
LATTICE = build_lattice(np.zeros((1, 1)), np.zeros(1), np.zeros(1), TAGS)
SYNONYMS = Synonyms({}, {}, Normalizer())
floats = st.floats(-50, 50)


def outside(scores: list[float], scope: Scope | None, *intents: str, several: bool = False) -> float:
    """Of a model with these intents, one of which may be for strangers."""
    labels = Labels(list(intents), [], {}, {})
    assembler = Assembler(labels, TAGS, LATTICE, 1.0, SYNONYMS, several, scope, "stranger")
    none = np.zeros((1, 1))
    found: float = assembler.result("好", Scores(none, np.array(scores), none, none))["out_of_scope"]
    return found


def test_one_in_twenty_held_out_sentences_lies_beyond_the_edge() -> None:
    energies = np.random.default_rng(1).normal(8, 2, 2000)
    scope = fit_scope(energies.tolist())
    assert scope is not None
    scores = np.array([scope.outside(one) for one in energies])
    assert (scores > 0.5).mean() == pytest.approx(0.05, abs=0.002)
    assert np.median(scores) == pytest.approx(0.047, abs=0.01)


@given(st.lists(floats, min_size=1, max_size=30), floats, floats)
def test_a_lower_energy_is_never_less_out_of_scope(energies: list[float], one: float, other: float) -> None:
    scope = fit_scope(energies)
    assert scope is not None
    low, high = sorted((one, other))
    assert 1.0 >= scope.outside(low) >= scope.outside(high) >= 0.0


def test_nothing_held_out_fits_nothing() -> None:
    assert fit_scope([]) is None and fit_scope([-np.inf]) is None


def test_a_sentence_that_wakes_no_intent_is_out_of_scope_however_sure_a_softmax_is() -> None:
    scope = Scope(5.0, 1.0)
    assert outside([10.0, 0.0], scope, "a", "b") < 0.01 < 0.99 < outside([-1.0, -11.0], scope, "a", "b")


def test_an_intent_for_strangers_counts_as_out_of_scope() -> None:
    scope = Scope(5.0, 1.0)
    assert outside([10.0, 18.0], scope, "a", "stranger") > 0.99
    assert outside([10.0, -8.0], scope, "a", "stranger") < 0.01


def test_where_nothing_was_held_out_it_is_the_doubt_in_the_best_intent() -> None:
    assert outside([1.0, 1.0], None, "a", "b") == pytest.approx(0.5)
    assert outside([1.0, 1.0], None, "a", "stranger") == pytest.approx(0.5)
    assert outside([], None) == 0.0


def test_of_several_intents_each_adds_its_own_energy() -> None:
    assert energy(np.array([3.0, 4.0]), several=True) == pytest.approx(np.log1p(np.exp(3)) + np.log1p(np.exp(4)))
    assert energy(np.array([3.0, 4.0])) == pytest.approx(np.log(np.exp(3) + np.exp(4)))
