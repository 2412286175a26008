"""The out-of-scope score: monotonic in energy and known words, fitted to held-out sentences, raised by an intent."""

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
from cnlu.runtime.out_of_scope import OosScorer, energy, fit_oos_scorer
from cnlu.text.normalize import Normalizer

TAGS = TagSet([], "BIO")
LATTICE = build_lattice(np.zeros((1, 1)), np.zeros(1), np.zeros(1), TAGS)
SYNONYMS = Synonyms({}, {}, Normalizer())
floats = st.floats(-50, 50)


def outside(scores: list[float], oos_scorer: OosScorer | None, *intents: str) -> float:
    """Of a model with these intents, one of which may be the out-of-scope intent."""
    labels = Labels(list(intents), [], {}, {})
    assembler = Assembler(
        labels=labels,
        tags=TAGS,
        lattice=LATTICE,
        temperature=1.0,
        synonyms=SYNONYMS,
        oos_scorer=oos_scorer,
        out_of_scope_intent="out_of_scope",
    )
    none = np.zeros((1, 1))
    found: float = assembler.result("好", Scores(none, np.array(scores), none, none))["out_of_scope"]
    return found


def sample_sentences(random: np.random.Generator, count: int, known: float = 0.6) -> tuple[list[float], list[float]]:
    """Energies and known shares of sentences, as of one domain."""
    return random.normal(20, 5, count).tolist(), random.normal(known, 0.13, count).clip(0, 1).tolist()


def share_beyond_edge(oos_scorer: OosScorer | None, energies: list[float], known: list[float]) -> float:
    assert oos_scorer is not None
    return float(np.mean([oos_scorer.score(*one) > 0.5 for one in zip(energies, known, strict=True)]))


@pytest.mark.parametrize(("learned", "share"), [(50, 0.081), (100, 0.081), (141, 0.055), (200, 0.036), (5000, 0.036)])
def test_with_more_examples_fewer_in_scope_sentences_lie_beyond_the_edge(learned: int, share: float) -> None:
    energies, known = sample_sentences(np.random.default_rng(1), 4000)
    oos_scorer = fit_oos_scorer(energies, known, 8.0, learned)
    assert oos_scorer is not None
    assert share_beyond_edge(oos_scorer, energies, known) == pytest.approx(share, abs=0.01)
    usual = np.median([oos_scorer.score(*one) for one in zip(energies, known, strict=True)])
    assert usual == pytest.approx(0.047, abs=0.01)


def test_sixteen_sentences_place_the_edge_for_all_others_of_their_kind() -> None:
    """Over many draws: two sentences would place it anywhere, an edge at the oddest of sixteen lets too many out."""
    random = np.random.default_rng(2)
    inside, outside = [], []
    for _ in range(200):
        oos_scorer = fit_oos_scorer(*sample_sentences(random, 16), 8.0, 16)
        inside.append(share_beyond_edge(oos_scorer, *sample_sentences(random, 100)))
        outside.append(share_beyond_edge(oos_scorer, *sample_sentences(random, 100, known=0.25)))
    assert np.mean(inside) < 0.1 and np.quantile(inside, 0.9) < 0.2
    assert np.mean(outside) > 0.7


@pytest.mark.parametrize("energies", [[18.0], [18.0, 18.1]])
def test_one_or_two_sentences_leave_the_usual_spread(energies: list[float]) -> None:
    """A knife's edge at the two held-out sentences would put all others outside, or nothing at all."""
    oos_scorer = fit_oos_scorer(energies, [0.5] * len(energies), 8.0, 20)
    assert oos_scorer is not None
    assert oos_scorer.score(15.0, 0.45) < 0.3 and oos_scorer.score(6.0, 0.15) > 0.7


floats_known = st.tuples(floats, st.floats(0, 1))


@given(st.lists(floats_known, min_size=1, max_size=30), floats_known, floats_known)
def test_the_score_never_falls_with_less_energy_or_a_smaller_known_share(
    given: list[tuple[float, float]], one: tuple[float, float], other: tuple[float, float]
) -> None:
    energies, known = map(list, zip(*given, strict=True))
    oos_scorer = fit_oos_scorer(energies, known, 3.0, 50)
    assert oos_scorer is not None
    (low, high), (little, much) = (sorted(pair) for pair in zip(one, other, strict=True))
    assert 1.0 >= oos_scorer.score(low, little) >= oos_scorer.score(high, little) >= oos_scorer.score(high, much) >= 0.0


def test_unseen_words_are_out_of_scope_whatever_the_network_scores() -> None:
    oos_scorer = fit_oos_scorer(*sample_sentences(np.random.default_rng(3), 16), 8.0, 16)
    assert oos_scorer is not None and oos_scorer.score(20.0, 0.05) > 0.5 > oos_scorer.score(20.0, 0.6)


def test_with_more_examples_unknown_words_count_less() -> None:
    held_out = sample_sentences(np.random.default_rng(3), 100)
    few, many = (fit_oos_scorer(*held_out, 8.0, learned) for learned in (50, 5000))
    assert few is not None and many is not None and few.score(20.0, 0.2) > 0.5 > many.score(20.0, 0.2)


def test_without_held_out_sentences_nothing_is_fitted() -> None:
    assert fit_oos_scorer([], [], 1.0, 1) is None and fit_oos_scorer([-np.inf], [1.0], 1.0, 1) is None


def test_a_sentence_of_low_energy_is_out_of_scope_even_with_a_confident_softmax() -> None:
    oos_scorer = OosScorer(5.0, 1.0)
    assert outside([10.0, 0.0], oos_scorer, "a", "b") < 0.01 < 0.99 < outside([-1.0, -11.0], oos_scorer, "a", "b")


def test_an_out_of_scope_intent_counts_as_out_of_scope() -> None:
    oos_scorer = OosScorer(5.0, 1.0)
    assert outside([10.0, 18.0], oos_scorer, "a", "out_of_scope") > 0.99
    assert outside([10.0, -8.0], oos_scorer, "a", "out_of_scope") < 0.01


def test_without_a_scorer_the_score_is_one_minus_the_best_confidence() -> None:
    assert outside([1.0, 1.0], None, "a", "b") == pytest.approx(0.5)
    assert outside([1.0, 1.0], None, "a", "out_of_scope") == pytest.approx(0.5)
    assert outside([], None) == 0.0


def test_with_multi_label_the_energies_of_all_intents_are_added() -> None:
    assert energy(np.array([3.0, 4.0]), multi_label=True) == pytest.approx(np.log1p(np.exp(3)) + np.log1p(np.exp(4)))
    assert energy(np.array([3.0, 4.0])) == pytest.approx(np.log(np.exp(3) + np.exp(4)))
