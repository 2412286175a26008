"""Advice that follows from the errors."""

from __future__ import annotations

from cnlu.data.schema import Example
from cnlu.evaluation.advice import Finding, Name, advise
from cnlu.runtime.labels import Labels
from tests.evaluation.studies import entity, study


def said(one: Finding) -> str:
    return "".join([*one.what, *one.advice, *("".join(point) for point in one.points)])


def test_two_intents_taken_for_each_other_are_one_finding_with_sentences_of_both() -> None:
    texts = [Example(f"问{i}", "price") for i in range(3)] + [Example(f"查{i}", "seats") for i in range(2)]
    one = study(texts, [("seats", 0.5, [])] * 3 + [("price", 0.6, [])] * 2)
    (found,) = advise(one)["intents"]
    assert found.weight == 5 and "both ways" in said(found)
    assert [one.examples[instance.number].intent for instance in found.instances] == ["price"] * 3 + ["seats"] * 2
    assert found.filter == {"gold": "price", "answer": "seats"}


def test_the_intent_with_fewer_training_examples_is_the_one_to_write_for() -> None:
    texts = [Example(f"问{i}", "rare") for i in range(3)]
    one = study(texts, [("common", 0.5, [])] * 3, counts={"intents": {"rare": 4, "common": 90}, "entities": {}})
    pair, few = advise(one)["intents"]
    assert "4 examples of rare and 90 of common" in said(pair)
    assert "rare: 4 examples in training; 3 of 3 wrong here" in said(few)


def test_an_entity_with_new_words_asks_for_the_words_and_one_with_old_words_for_sentences() -> None:
    texts = [Example(f"要水饺{i}", None, (entity(1, 3, "meal"),)) for i in range(3)]
    nothing = [(None, 0.0, [])] * 3
    (new,) = advise(study(texts, nothing, fresh=frozenset((i, (1, 3, "meal")) for i in range(3))))["entities"]
    assert Name("水饺") in new.what and "lookup table meal" in said(new)
    (old,) = advise(study(texts, nothing))["entities"]
    assert "sentences around them" in said(old)


def test_labels_that_training_never_saw_get_no_other_advice() -> None:
    texts = [Example(f"去北京{i}", "foreign", (entity(1, 3, "city"),)) for i in range(3)]
    found = advise(study(texts, [("known", 0.99, [entity(0, 1, "place")])] * 3, Labels(["known"], ["place"], {}, {})))
    assert list(found) == ["labels"]
    assert {one.filter.get("gold") or one.filter["type"] for one in found["labels"]} == {"foreign", "city"}


def test_what_is_annotated_elsewhere_may_have_been_forgotten() -> None:
    today = (entity(0, 2, "date"),)
    texts = [Example("今天走", None, today), Example("今天到", None, today), Example("今天呢")]
    (found,) = advise(study(texts, [(None, 0.0, [entity(0, 2, "date")])] * 3))["annotations"]
    assert found.instances[0].number == 2 and "forgotten" in said(found)


def test_great_confidence_in_a_wrong_answer_questions_the_annotation() -> None:
    one = study([Example("好", "yes"), Example("不", "no")], [("no", 0.97, []), ("yes", 0.5, [])])
    (found,) = advise(one)["annotations"]
    assert [instance.number for instance in found.instances] == [0]


def test_edges_and_roles_name_both_sides() -> None:
    text = Example("从南京到北京", None, (entity(1, 3, "place", "from"), entity(4, 6, "place", "to")))
    answer = [entity(0, 3, "place", "from"), entity(4, 6, "place", "from")]
    edges, role = advise(study([text], [(None, 0.0, answer)]))["entities"]
    assert "annotated 南京, answered 从南京" in said(edges)
    assert "should be to and was from" in said(role)


def test_nothing_wrong_gives_no_advice() -> None:
    assert advise(study([Example("好", "yes")], [("yes", 0.9, [])])) == {}
