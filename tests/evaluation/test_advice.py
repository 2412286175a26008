"""Advice that follows from the errors."""

from __future__ import annotations

import pytest

from cnlu.data.schema import Entity, Example
from cnlu.evaluation.advice import advise
from cnlu.evaluation.findings import Finding, Name
from cnlu.runtime.labels import Labels
from tests.evaluation.report_examples import entity, report_data


def text_of(one: Finding) -> str:
    return "".join([*one.problem, *one.advice, *("".join(point) for point in one.points)])


def test_two_intents_taken_for_each_other_are_one_finding_with_sentences_of_both() -> None:
    texts = [Example(f"问{i}", "price") for i in range(3)] + [Example(f"查{i}", "seats") for i in range(2)]
    one = report_data(texts, [("seats", 0.5, [])] * 3 + [("price", 0.6, [])] * 2)
    (found,) = advise(one)["intents"]
    assert found.weight == 5 and "both ways" in text_of(found)
    assert [one.examples[instance.number].intent for instance in found.instances] == ["price"] * 3 + ["seats"] * 2
    assert found.filter == {"gold": "price", "answer": "seats"}


def test_the_intent_with_fewer_training_examples_is_the_one_to_write_for() -> None:
    texts = [Example(f"问{i}", "rare") for i in range(3)]
    one = report_data(texts, [("common", 0.5, [])] * 3, counts={"intents": {"rare": 4, "common": 90}, "entities": {}})
    pair, few = advise(one)["intents"]
    assert "4 examples of rare and 90 of common" in text_of(pair)
    assert "rare: 4 examples in training; 3 of 3 wrong here" in text_of(few)


def test_an_entity_with_new_words_asks_for_the_words_and_one_with_old_words_for_sentences() -> None:
    texts = [Example(f"要水饺{i}", None, (entity(1, 3, "meal"),)) for i in range(3)]
    nothing = [(None, 0.0, [])] * 3
    (new,) = advise(report_data(texts, nothing, unseen_spans=frozenset((i, (1, 3, "meal")) for i in range(3))))[
        "entities"
    ]
    assert Name("水饺") in new.problem and "lookup table meal" in text_of(new)
    (old,) = advise(report_data(texts, nothing))["entities"]
    assert "sentences around them" in text_of(old)


def test_unseen_labels_get_no_other_advice() -> None:
    texts = [Example(f"去北京{i}", "foreign", (entity(1, 3, "city"),)) for i in range(3)]
    found = advise(
        report_data(texts, [("known", 0.99, [entity(0, 1, "place")])] * 3, Labels(["known"], ["place"], {}, {}))
    )
    assert list(found) == ["labels"]
    assert {one.filter.get("gold") or one.filter["type"] for one in found["labels"]} == {"foreign", "city"}


def test_an_entity_annotated_elsewhere_may_lack_an_annotation() -> None:
    today = (entity(0, 2, "date"),)
    texts = [Example("今天走", None, today), Example("今天到", None, today), Example("今天呢")]
    (found,) = advise(report_data(texts, [(None, 0.0, [entity(0, 2, "date")])] * 3))["annotations"]
    assert found.instances[0].number == 2 and "forgotten" in text_of(found)


def test_a_confident_wrong_answer_suggests_checking_the_annotation() -> None:
    one = report_data([Example("好", "yes"), Example("不", "no")], [("no", 0.97, []), ("yes", 0.5, [])])
    (found,) = advise(one)["annotations"]
    assert [instance.number for instance in found.instances] == [0]


def test_findings_about_boundaries_and_roles_name_both_sides() -> None:
    text = Example("从南京到北京", None, (entity(1, 3, "place", "from"), entity(4, 6, "place", "to")))
    answer = [entity(0, 3, "place", "from"), entity(4, 6, "place", "from")]
    edges, role = advise(report_data([text], [(None, 0.0, answer)]))["entities"]
    assert "annotated 南京, answered 从南京" in text_of(edges)
    assert "should have the role or group to, but was answered with from" in text_of(role)


def test_correct_answers_get_no_advice() -> None:
    assert advise(report_data([Example("好", "yes")], [("yes", 0.9, [])])) == {}


SILENT = {
    "all labels were seen": report_data([Example("好", "yes")], [("no", 0.5, [])], Labels(["yes", "no"], [], {}, {})),
    "one confusion is none": report_data(
        [Example("好", "yes"), Example("不", "no")], [("no", 0.5, []), ("no", 0.5, [])]
    ),
    "two unlike errors": report_data([Example("好", "a"), Example("不", "b")], [("b", 0.5, []), ("c", 0.5, [])]),
    "an intent nobody answered": report_data([Example("好", "a"), Example("行", "a")], [(None, 0.0, [])] * 2),
    "a word mostly left bare": report_data(
        [Example(f"今天{i}", None, (entity(0, 2, "date"),)) for i in range(2)]
        + [Example(f"在今天{i}") for i in range(4)],
        [(None, 0.0, [entity(0, 2, "date")])] * 2 + [(None, 0.0, [entity(1, 3, "date")])] + [(None, 0.0, [])] * 3,
    ),
    "twice in one sentence is not elsewhere": report_data(
        [Example("今天和今天和今天", None, (entity(0, 2, "date"), entity(3, 5, "date")))],
        [(None, 0.0, [entity(0, 2, "date"), entity(3, 5, "date"), entity(6, 8, "date")])],
    ),
    "annotated once elsewhere": report_data(
        [Example("今天走", None, (entity(0, 2, "date"),)), Example("今天呢")], [(None, 0.0, [entity(0, 2, "date")])] * 2
    ),
    "unsure and wrong": report_data([Example("好", "yes")], [("no", 0.89, [])]),
    "sure and right": report_data([Example("好", "yes")], [("yes", 0.99, [])]),
}


@pytest.mark.parametrize("why", SILENT)
def test_advice_is_given_only_if_its_condition_holds(why: str) -> None:
    assert advise(SILENT[why]) == {}


def few(counts: dict[str, int], *wrong: str) -> list[str]:
    """The intents that the report says had few examples, these being answered wrongly, each once."""
    one = report_data(
        [Example(f"问{label}", label) for label in wrong],
        [(f"not {label}", 0.5, []) for label in wrong],
        counts={"intents": counts, "entities": {}},
    )
    return [str(point[0]) for found in advise(one).get("intents", []) for point in found.points]


def test_an_intent_has_few_examples_only_if_the_median_intent_has_clearly_more() -> None:
    usual = {f"usual_{i}": 14 for i in range(5)}
    assert few({**usual, "a": 14, "b": 16, "c": 13}, "a", "b", "c") == []
    assert few({**usual, "a": 5, "b": 16}, "a", "b") == ["a"]
    assert few({f"usual_{i}": 100 for i in range(5)} | {"a": 40, "b": 60}, "a", "b") == ["a"]
    assert few({f"usual_{i}": 30 for i in range(5)} | {"a": 19, "b": 21}, "a", "b") == ["a"]
    assert few({"a": 3, "b": 3, "c": 3}, "a", "b") == []
    assert few({**usual, "a": 5}) == []


def test_the_advice_names_an_intent_only_if_training_counts_differ() -> None:
    texts = [Example(f"问{i}", "a") for i in range(3)]
    for counts in ({"a": 50, "b": 90}, {"a": 90, "b": 50}):
        one = report_data(texts, [("b", 0.5, [])] * 3, counts={"intents": counts, "entities": {}})
        assert "Training had" not in text_of(advise(one)["intents"][0])


def test_the_advice_says_both_ways_only_if_both_directions_occur() -> None:
    texts = [Example(f"问{i}", "a") for i in range(7)] + [Example(f"查{i}", "b") for i in range(2)]
    (found,) = advise(report_data(texts, [("b", 0.5, [])] * 7 + [("a", 0.5, [])] * 2))["intents"]
    assert "It happens both ways" not in text_of(found)


def test_values_are_called_new_or_seen_only_to_the_extent_that_they_are() -> None:
    texts = [Example(f"要水饺{i}", None, (entity(1, 3, "meal"),)) for i in range(4)]
    nothing = [(None, 0.0, [])] * 4
    (few_new,) = advise(report_data(texts, nothing, unseen_spans=frozenset({(0, (1, 3, "meal"))})))["entities"]
    assert "Training has not seen" not in text_of(few_new) and "Training has seen most of the values" in text_of(
        few_new
    )
    (some_new,) = advise(report_data(texts, nothing, unseen_spans=frozenset((i, (1, 3, "meal")) for i in range(2))))[
        "entities"
    ]
    assert "Training has not seen the values of 2 of them" in text_of(some_new)


@pytest.mark.parametrize("answer", [entity(1, 3, "place", "from"), entity(1, 3, "place")])
def test_correct_boundaries_types_and_roles_get_no_advice(answer: Entity) -> None:
    text = Example("从南京走", None, (entity(1, 3, "place", "from"),))
    kinds = {one.filter["kind"] for one in advise(report_data([text], [(None, 0.0, [answer])])).get("entities", [])}
    assert kinds == (set() if answer.role else {"role"})
