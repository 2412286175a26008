"""metrics.json, compared with independently computed figures."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnlu.data.schema import Entity, Example
from cnlu.evaluation.metrics import evaluate
from cnlu.runtime.labels import Labels
from cnlu.runtime.unreachable_spans import count_unreachable

KEYS = {
    "n",
    "intent",
    "entity",
    "entity_role",
    "frame_accuracy",
    "unreachable_entities",
    "unseen_labels",
}


def _entity(start: int, end: int, kind: str, role: str | None = None, group: str | None = None) -> Entity:
    return Entity(start, end, kind, "", role=role, group=group)


def _result(intent: str | None, *entities: Entity, confidence: float = 1.0) -> dict[str, Any]:
    """A parse result that predicts these entities."""
    found = []
    for e in entities:
        entity = {"entity": e.entity, "start": e.start, "end": e.end, "value": "", "extractor": "x"}
        found.append(entity | {k: v for k, v in (("role", e.role), ("group", e.group)) if v is not None})
    return {"intent": {"name": intent, "confidence": confidence}, "entities": found}


spans = st.builds(
    lambda start, size, kind, role: _entity(start, start + size, kind, role),
    st.integers(0, 3),
    st.integers(1, 2),
    st.sampled_from("ab"),
    st.sampled_from([None, "x", "y"]),
)
sides = st.tuples(st.sampled_from(["p", "q", "r"]), st.lists(spans, max_size=3))
corpora = st.lists(st.tuples(sides, sides), min_size=1, max_size=6)


@given(corpora)
@settings(max_examples=60, deadline=None)
def test_figures_agree_with_an_independent_computation(corpus: list[Any]) -> None:
    gold = [Example("一二三四五六", intent, tuple(entities)) for (intent, entities), _ in corpus]
    found = evaluate(gold, [_result(intent, *entities) for _, (intent, entities) in corpus])

    hits = misses = inventions = right = 0
    for (gold_intent, gold_entities), (intent, entities) in corpus:
        wanted = {(e.start, e.end, e.entity) for e in gold_entities}
        given_ = {(e.start, e.end, e.entity) for e in entities}
        hits += sum(span in given_ for span in wanted)
        misses += sum(span not in given_ for span in wanted)
        inventions += sum(span not in wanted for span in given_)
        whole = {(e.start, e.end, e.entity, e.role) for e in gold_entities}
        right += gold_intent == intent and whole == {(e.start, e.end, e.entity, e.role) for e in entities}
    if hits + misses + inventions:
        assert found["entity"]["precision"] == pytest.approx(hits / ((hits + inventions) or 1))
        assert found["entity"]["recall"] == pytest.approx(hits / ((hits + misses) or 1))
        assert found["entity"]["f1"] == pytest.approx(2 * hits / (2 * hits + misses + inventions))
    else:
        assert found["entity"] is None
    assert found["frame_accuracy"] == pytest.approx(right / len(corpus))

    labels = sorted({intent for (intent, _), _ in corpus})
    f1 = {}
    for label in labels:
        both = sum(g == label == p for (g, _), (p, _) in corpus)
        either = sum(g == label for (g, _), _ in corpus) + sum(p == label for _, (p, _) in corpus)
        f1[label] = 2 * both / either
    assert found["intent"]["accuracy"] == pytest.approx(sum(g == p for (g, _), (p, _) in corpus) / len(corpus))
    assert found["intent"]["macro_f1"] == pytest.approx(sum(f1.values()) / len(labels))
    weighted = sum(f1[g] for (g, _), _ in corpus) / len(corpus)
    assert found["intent"]["weighted_f1"] == pytest.approx(weighted)


@given(corpora)
@settings(max_examples=30, deadline=None)
def test_the_result_has_the_contracts_keys_and_is_plain_json(corpus: list[Any]) -> None:
    gold = [Example("一二三四五六", intent, tuple(entities)) for (intent, entities), _ in corpus]
    found = evaluate(gold, [_result(intent, *entities) for _, (intent, entities) in corpus])
    assert set(found) == KEYS
    assert set(found["intent"]) == {"accuracy", "macro_f1", "weighted_f1", "ece", "per_label"}
    for section in (found["entity"], found["entity_role"]):
        assert section is None or set(section) == {"precision", "recall", "f1", "per_type"}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@given(corpora)
@settings(max_examples=20, deadline=None)
def test_predicting_the_gold_scores_one_everywhere(corpus: list[Any]) -> None:
    gold = [Example("一二三四五六", intent, tuple(entities)) for (intent, entities), _ in corpus]
    found = evaluate(gold, [_result(e.intent, *e.entities) for e in gold])
    assert found["frame_accuracy"] == found["intent"]["accuracy"] == found["intent"]["macro_f1"] == 1.0
    assert found["intent"]["ece"] == 0.0
    assert all(s is None or s["f1"] == 1.0 for s in (found["entity"], found["entity_role"]))


def test_a_span_off_by_one_or_of_another_type_is_wrong() -> None:
    gold = [Example("去北京", "go", (_entity(1, 3, "city"),))] * 3
    answers = [_entity(1, 3, "city"), _entity(1, 2, "city"), _entity(1, 3, "place")]
    found = evaluate(gold, [_result("go", answer) for answer in answers])
    assert found["entity"]["f1"] == pytest.approx(1 / 3)
    assert found["entity"]["per_type"]["place"] == {
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
        "support": 0,
        "seen": True,
    }
    assert found["frame_accuracy"] == pytest.approx(1 / 3)


def test_a_wrong_role_or_group_spoils_the_frame_but_not_the_span() -> None:
    gold = [Example("去北京", "go", (_entity(1, 3, "city", "to", "1"),))] * 3
    answers = [
        _entity(1, 3, "city", "to", "1"),
        _entity(1, 3, "city", "from", "1"),
        _entity(1, 3, "city", "to"),
    ]
    found = evaluate(gold, [_result("go", answer) for answer in answers])
    assert found["entity"]["f1"] == 1.0
    assert found["entity_role"]["f1"] == found["frame_accuracy"] == pytest.approx(1 / 3)
    assert set(found["entity_role"]["per_type"]) == {"city:to#1", "city:from#1", "city:to"}


def test_no_roles_in_the_gold_means_no_role_section() -> None:
    found = evaluate([Example("去北京", "go", (_entity(1, 3, "city"),))], [_result("go", _entity(1, 3, "city"))])
    assert found["entity_role"] is None


def test_without_intents_the_entities_make_the_frame() -> None:
    gold = [Example("去北京", None, (_entity(1, 3, "city"),)), Example("好")]
    found = evaluate(gold, [_result(None, _entity(1, 3, "city")), _result("anything")])
    assert found["intent"] is None
    assert found["frame_accuracy"] == 1.0


def test_without_any_entities_there_is_no_entity_section() -> None:
    found = evaluate([Example("好", "yes")], [_result("yes")])
    assert found["entity"] is None
    assert found["frame_accuracy"] == 1.0


def test_invented_entities_are_counted() -> None:
    found = evaluate([Example("好", "yes")], [_result("yes", _entity(0, 1, "a"))])
    assert found["entity"]["precision"] == found["frame_accuracy"] == 0.0


def test_sentences_without_an_intent_do_not_count_for_intents() -> None:
    found = evaluate([Example("好", "yes"), Example("嗯")], [_result("yes"), _result("no")])
    assert found["intent"]["accuracy"] == 1.0
    assert set(found["intent"]["per_label"]) == {"yes"}


def test_macro_f1_runs_over_the_gold_labels_only() -> None:
    found = evaluate([Example("好", "yes"), Example("不", "yes")], [_result("yes"), _result("no")])
    assert found["intent"]["macro_f1"] == pytest.approx(2 / 3)
    assert found["intent"]["per_label"]["no"]["support"] == 0


def test_no_answer_is_a_wrong_answer() -> None:
    found = evaluate([Example("", "yes")], [_result(None, confidence=0.0)])
    assert found["intent"]["accuracy"] == found["intent"]["ece"] == 0.0
    assert set(found["intent"]["per_label"]) == {"yes"}


def test_calibration_error_is_that_of_the_first_answers() -> None:
    gold = [Example("好", "yes"), Example("不", "no")]
    found = evaluate(gold, [_result("yes", confidence=0.9), _result("yes", confidence=0.9)])
    assert found["intent"]["ece"] == pytest.approx(0.4)


def test_unseen_labels_are_counted_separately() -> None:
    trained = Labels.collect([Example("去北京", "go", (_entity(1, 3, "city", "to"),))])
    gold = [
        Example("去北京", "go", (_entity(1, 3, "city", "to"),)),
        Example("从北京", "leave", (_entity(1, 3, "city", "from"),)),
        Example("在北京", "go", (_entity(1, 3, "place"),)),
    ]
    found = evaluate(gold, [_result("go")] * 3, trained)
    assert found["unseen_labels"] == 3
    assert found["unreachable_entities"] == 0
    assert [name for name, scores in found["intent"]["per_label"].items() if not scores["seen"]] == ["leave"]
    assert not found["entity"]["per_type"]["place"]["seen"]
    assert not found["entity_role"]["per_type"]["city:from"]["seen"]


def test_overlapping_gold_spans_are_unreachable() -> None:
    text, outer, inner = "北京大学", _entity(0, 4, "school"), _entity(0, 2, "city")
    assert count_unreachable(Example(text, None, (inner, outer))) == 1
    assert count_unreachable(Example(text, None, (_entity(0, 2, "city"), _entity(2, 4, "kind")))) == 0
    assert count_unreachable(Example(text, None, (_entity(2, 9, "city"),))) == 1
    assert evaluate([Example(text, None, (inner, outer))], [_result(None)])["unreachable_entities"] == 1


def test_a_gold_span_with_an_edge_that_is_not_read_is_unreachable() -> None:
    texts = ("去北京 ", 1, 4, 1), ("去 北京", 1, 4, 1), ("听Hello!", 1, 7, 1), ("去北\u200b京", 1, 4, 0)
    for text, start, end, lost in texts:
        assert count_unreachable(Example(text, None, (_entity(start, end, "name"),))) == lost, text


def test_the_runtimes_own_count_of_unreachable_spans_is_taken() -> None:
    gold = [Example("好" * 10, None, (_entity(8, 9, "a"),))]
    found = evaluate(gold, [_result(None)], unreachable=lambda e: sum(span.end > 5 for span in e.entities))
    assert found["unreachable_entities"] == 1


def test_no_examples_cause_no_division_by_zero() -> None:
    assert evaluate([], []) == {
        "n": 0,
        "intent": None,
        "entity": None,
        "entity_role": None,
        "frame_accuracy": 0.0,
        "unreachable_entities": 0,
        "unseen_labels": 0,
    }


def test_one_prediction_per_example_is_required() -> None:
    with pytest.raises(ValueError, match="1 examples but 0 predictions"):
        evaluate([Example("好")], [])


def test_several_intents_are_compared_as_sets_and_counted_one_by_one() -> None:
    gold = [Example("x", "b+a"), Example("y", "a"), Example("z", "a+d")]
    known = Labels(["a", "b", "c"], [], {}, {})
    found = evaluate(gold, [_result(name) | {"intents": []} for name in ("a+b", "a+c", "a+b")], known)
    intent = found["intent"]
    assert intent["accuracy"] == found["frame_accuracy"] == pytest.approx(1 / 3)
    assert set(intent["per_label"]) == {"a", "b", "c", "d"}
    assert (intent["per_label"]["a"]["f1"], intent["per_label"]["b"]["precision"]) == (1.0, 0.5)
    assert found["unseen_labels"] == 1 and intent["per_label"]["d"]["seen"] is False


def test_a_single_intent_model_treats_a_plus_as_part_of_the_name() -> None:
    found = evaluate([Example("x", "b+a")], [_result("a+b")])
    assert found["frame_accuracy"] == 0.0 and set(found["intent"]["per_label"]) == {"a+b", "b+a"}
