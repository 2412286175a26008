"""The railway corpus is as its README says: size, balance, consistent labels and groups, separate parts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from cnlu.data.load import load_data
from cnlu.data.schema import Example, NluData

CORPUS = Path(__file__).resolve().parents[2] / "corpora" / "railway"
# Types whose surfaces have the same meaning everywhere (those of numbers do not: 两张 票, 两张 桌子).
OPEN_TYPES = (
    "place",
    "seat_class",
    "train_type",
    "date",
    "time",
    "seat_pos",
    "ticket_type",
    "passenger",
    "meal",
)
# Longer words in which a known value is not that value: greetings, durations, a pupil, a student card,
# 退一下|周日 (not 下周日), the misspelt 无坐|票 (not 坐票).
NOT_VALUES = (
    "早上好",
    "下午好",
    "晚上好",
    "大晚上",
    "一早上",
    "一下午",
    "学生证",
    "学生放假",
    "一下周日",
    "无坐票",
)
FRAGMENT = 6
MULTI = ("multi-intent/dev.yml", "multi-intent/test.yml")
OUT_OF_SCOPE = ("out-of-scope/dev.txt", "out-of-scope/test.txt")


@lru_cache(maxsize=8)
def _split(name: str) -> NluData:
    return load_data([CORPUS / name])


def _train() -> NluData:
    return _split("train")


def _test() -> NluData:
    return _split("test")


def _multi() -> list[Example]:
    return [example for name in MULTI for example in _split(name).examples]


def _all() -> list[Example]:
    return _train().examples + _test().examples + _multi()


def _lines(name: str) -> list[str]:
    return (CORPUS / name).read_text("utf-8").removesuffix("\n").split("\n")


def _grouped(examples: list[Example]) -> list[Example]:
    return [example for example in examples if any(entity.group for entity in example.entities)]


def _combinations(name: str) -> set[frozenset[str]]:
    """The combinations of intents in a multi-intent file, whatever their order."""
    return {frozenset((example.intent or "").split("+")) for example in _split(name).examples}


def _known_values() -> dict[str, str]:
    """Surface of two or more characters -> type, from annotations, lookup tables and synonyms."""
    train = _train()
    values: dict[str, str] = {}
    for example in _all():
        for entity in example.entities:
            if entity.entity in OPEN_TYPES:
                values[example.text[entity.start : entity.end]] = entity.entity
    for name, entries in train.lookups.items():
        values.update(dict.fromkeys(entries, name))
    for surface, canonical in train.synonyms.items():
        if canonical in values:
            values.setdefault(surface, values[canonical])
    return {surface: name for surface, name in values.items() if len(surface) > 1}


def _unannotated_occurrences(example: Example, surface: str) -> Iterator[int]:
    """Positions of the surface in the text that are not inside an annotated span."""
    at = example.text.find(surface)
    while at >= 0:
        end = at + len(surface)
        held = any(e.start <= at and end <= e.end for e in example.entities)
        around = example.text[max(0, at - 2) : end + 2]
        if not held and not any(word in around for word in NOT_VALUES):
            yield at
        at = example.text.find(surface, at + 1)


def _skeleton(example: Example) -> str:
    """The text with every entity replaced by its type, without spaces and punctuation."""
    parts, last = [], 0
    for entity in example.entities:
        parts += [example.text[last : entity.start], f"<{entity.entity}>"]
        last = entity.end
    text = "".join(parts) + example.text[last:]
    return "".join(c for c in text if c.isalnum() or c in "<>_")


def test_there_are_enough_examples() -> None:
    assert len(_train().examples) >= 1400
    assert len(_test().examples) >= 260
    assert len(_multi()) >= 100
    assert all(len(_lines(name)) >= 75 for name in OUT_OF_SCOPE)


def test_every_intent_is_well_covered_in_both_splits() -> None:
    train = Counter(x.intent for x in _train().examples)
    test = Counter(x.intent for x in _test().examples)
    assert len(train) >= 14 and set(train) == set(test)
    assert {i: n for i, n in train.items() if n < 15} == {}
    assert {i: n for i, n in test.items() if n < 5} == {}


def test_every_entity_type_is_well_covered_in_both_splits() -> None:
    train = Counter(e.entity for x in _train().examples for e in x.entities)
    test = Counter(e.entity for x in _test().examples for e in x.entities)
    assert len(train) >= 10 and set(train) == set(test)
    assert {t: n for t, n in train.items() if n < 10} == {}
    assert {t: n for t, n in test.items() if n < 5} == {}


def test_places_have_the_roles_departure_arrival_and_stop() -> None:
    for data in (_train(), _test()):
        roles = Counter(e.role for x in data.examples for e in x.entities if e.entity == "place")
        assert set(roles) == {"from", "to", "via", None}
        assert all(e.role is None for x in data.examples for e in x.entities if e.entity != "place")


def test_the_corpus_has_lookup_tables_synonyms_and_patterns() -> None:
    train = _train()
    types = {e.entity for x in train.examples for e in x.entities}
    assert {"train_no", "order_no", "phone"} <= set(train.regexes) <= types
    assert set(train.lookups) <= types
    assert all(len(entries) >= 20 for entries in train.lookups.values()) and len(train.lookups) >= 2
    assert len(train.synonyms) >= 20


def test_no_text_is_repeated() -> None:
    texts = Counter(x.text for x in _all())
    assert [t for t, n in texts.items() if n > 1] == []


def test_an_out_of_scope_text_is_in_one_part_only() -> None:
    lines = [line for name in OUT_OF_SCOPE for line in _lines(name)]
    assert [line for line, n in Counter(lines).items() if n > 1 or not line or line != line.strip()] == []
    unlabelled = {line for path in (CORPUS / "text").glob("*.txt") for line in path.read_text("utf-8").split("\n")}
    assert set(lines) & ({x.text for x in _all()} | unlabelled) == set()


def test_no_skeleton_is_repeated_except_short_fragments() -> None:
    used: dict[str, list[str]] = defaultdict(list)
    for example in _all():
        if len(example.text) > FRAGMENT:
            used[_skeleton(example)].append(f"{example.source} {example.text}")
    assert [same for same in used.values() if len(same) > 1] == []


def test_known_values_are_annotated_everywhere() -> None:
    known = _known_values()
    offenders = [
        f"{example.source} {surface} ({name}): {example.text}"
        for example in _all()
        for surface, name in known.items()
        if surface in example.text
        for _ in _unannotated_occurrences(example, surface)
    ]
    assert offenders == []


def test_one_surface_has_one_type() -> None:
    types: dict[str, set[str]] = defaultdict(set)
    for example in _all():
        for entity in example.entities:
            types[example.text[entity.start : entity.end]].add(entity.entity)
    assert {s: t for s, t in types.items() if len(t) > 1} == {}


def test_spans_have_no_loose_spaces_or_punctuation() -> None:
    loose = [
        f"{x.source} {x.text[e.start : e.end]!r}"
        for x in _all()
        for e in x.entities
        if not (x.text[e.start].isalnum() and x.text[e.end - 1].isalnum())
    ]
    assert loose == []


def test_enough_sentences_need_groups() -> None:
    assert len(_grouped(_train().examples)) >= 60
    assert len(_grouped(_test().examples)) >= 15


def test_groups_number_the_trips_in_the_order_in_which_they_are_mentioned() -> None:
    for example in _grouped(_all()):
        groups = list(dict.fromkeys(e.group for e in example.entities if e.group))
        assert groups in (["1", "2"], ["1", "2", "3"]), f"{example.source} {example.text}"


def test_groups_combine_two_values_or_distinguish_outward_and_return_trips() -> None:
    for example in _grouped(_train().examples + _test().examples):
        largest = max(Counter(e.group for e in example.entities if e.group).values())
        out_and_back = "去" in example.text and ("回" in example.text or "返" in example.text)
        assert largest > 1 or out_and_back, f"{example.source} {example.text}"


def test_a_type_and_role_has_groups_everywhere_in_a_sentence_or_nowhere() -> None:
    for example in _all():
        grouped, shared = (
            {(e.entity, e.role) for e in example.entities if bool(e.group) is with_group}
            for with_group in (True, False)
        )
        assert not grouped & shared, f"{example.source} {example.text}"


def test_all_groups_and_roles_occur_in_training() -> None:
    shown = {(e.entity, e.role, e.group) for x in _train().examples for e in x.entities}
    assert {(e.entity, e.role, e.group) for x in _all() for e in x.entities} <= shown


def test_only_the_multi_intent_files_have_sentences_with_several_intents() -> None:
    intents = {x.intent or "" for x in _train().examples}
    assert [name for name in intents if "+" in name] == []
    for example in _multi():
        parts = (example.intent or "").split("+")
        assert 2 <= len(parts) == len(set(parts)) <= 3 and set(parts) <= intents - {"out_of_scope"}, example.source


def test_there_are_many_combinations_of_intents_and_some_are_in_one_file_only() -> None:
    dev, test = map(_combinations, MULTI)
    assert len(dev | test) >= 25
    assert min(len(dev - test), len(test - dev), len(dev & test)) >= 5
    assert any(len(combination) == 3 for combination in dev) and any(len(combination) == 3 for combination in test)
