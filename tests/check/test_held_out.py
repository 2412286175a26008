"""Test data compared with training data."""

from __future__ import annotations

from tests.check.examples import Found, line_of

TRAIN = ["intent: refund|退票|我要退[二等座](seat)", "intent: change|改签"]


def test_labels_that_training_lacks_are_reported(found: Found) -> None:
    test = ["intent: chat|你好|在吗", 'intent: change|改[明天](date)|改[商务座]{"entity": "seat", "role": "new"}']
    seen = found(TRAIN, "unknown-label", test=test)
    reported = [(one.text, "2 test examples" in one.problem) for one in seen]
    assert reported == [("chat", True), ("date", False), ("new", False)]
    assert all("test.yml" in one.source for one in seen)


def test_texts_in_both_training_and_test_data_are_reported(found: Found) -> None:
    seen = found(TRAIN, test=["intent: refund|退票|怎么退", "intent: refund|改签"])
    reported = [(one.code, line_of(one)) for one in seen]
    assert reported == [("test-disagrees", 9), ("test-in-train", 5)]
    assert seen[0].severity == "error" and "“change”" in seen[0].problem


def test_different_annotations_of_test_and_training_data_disagree(found: Found) -> None:
    (one,) = found(TRAIN, "test-disagrees", test=["intent: refund|我要退二等座"])
    assert "[二等座](seat)" in one.problem


def test_the_test_contradicting_itself_is_found_too(found: Found) -> None:
    assert found(TRAIN, "two-intents", test=["intent: refund|不走了", "intent: change|不走了"])


def test_separate_test_data_has_no_finding(found: Found) -> None:
    assert found(TRAIN, test=["intent: refund|怎么退|还能退吗", "intent: change|换一班"]) == []
