"""What to do about the errors: findings in the order of how many sentences they concern, each with its advice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TypeVar

from cnlu.evaluation.differences import Difference
from cnlu.evaluation.frames import RoleSpan
from cnlu.evaluation.report_data import ReportData

SURE = 0.9
"""Confidence from which an error rather speaks of the annotation."""
MOST_SHOWN = 4
"""Sentences of a finding."""
MOST_FINDINGS = 6
"""Of one sort."""
FEW = 20
"""Training examples below which an intent has few where the usual one has clearly more."""


class Name(str):
    """A label or a value of the user's, to be set off from the words around it."""

    __slots__ = ()


Key = TypeVar("Key")
Case = TypeVar("Case")

Words = tuple[str, ...]
"""A sentence in pieces; `Name` marks the user's own words."""


@dataclass(frozen=True)
class Instance:
    """A sentence to look at, and the span in it that is meant."""

    number: int
    span: RoleSpan | None = None
    note: str = ""


@dataclass(frozen=True)
class Finding:
    """One thing to work on."""

    weight: int
    """How many errors it stands for"""
    what: Words
    advice: Words
    instances: Sequence[Instance] = ()
    points: Sequence[Words] = ()
    """Details, a line each"""
    filter: dict[str, str] = field(default_factory=dict)
    """Which errors show it: `gold`, `answer`, `kind`, `type`"""


def advise(report_data: ReportData) -> dict[str, list[Finding]]:
    """Findings by sort (`labels`, `intents`, `entities`, `annotations`), those of most errors first."""
    spans = [
        (i, one)
        for i, found in report_data.differences.items()
        for one in found
        if one.kind != "intent" and _could_be_known(report_data, one)
    ]
    sorts = {
        "labels": _unseen(report_data),
        "intents": [*_confused(report_data), *_few(report_data)],
        "entities": [*_missed(report_data, spans), *_edges(report_data, spans), *_other_types(spans), *_roles(spans)],
        "annotations": [*_forgotten(report_data, spans), *_sure(report_data)],
    }
    return {sort: sorted(found, key=lambda f: -f.weight)[:MOST_FINDINGS] for sort, found in sorts.items() if found}


def _could_be_known(report_data: ReportData, one: Difference) -> bool:
    """Not so of an annotation whose type training never saw, for which there is other advice."""
    return report_data.labels is None or one.gold is None or one.gold[2] in report_data.labels.entities


def _unseen(report_data: ReportData) -> list[Finding]:
    """Labels of the examples that training never saw."""
    found = []
    advice = (
        "No answer can be right there: train on examples of it, or correct the name, if training knows it by another.",
    )
    for section, key, name, option in (
        ("intent", "per_label", "intent", "gold"),
        ("entity", "per_type", "entity type", "type"),
    ):
        for label, scores in (report_data.metrics[section] or {key: {}})[key].items():
            if scores["support"] and not scores["seen"]:
                times = _count(scores["support"], "annotation")
                what = (f"The {name} ", Name(label), f" was not in training; {times} of it here.")
                found.append(Finding(scores["support"], what, advice, filter={option: label}))
    return found


def _confused(report_data: ReportData) -> list[Finding]:
    """Pairs of intents that are taken for each other, both directions together."""
    cells: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    for number, gold, answer, confidence in report_data.intents:
        known = report_data.labels is None or gold in report_data.labels.intents
        if answer is not None and gold != answer and known:
            cells[gold, answer].append((-confidence, number))
    found = []
    for (gold, answer), there in cells.items():
        back = cells.get((answer, gold), [])
        if (len(back), gold) > (len(there), answer) or len(there) + len(back) < 2:
            continue  # told from the other side, or too little to tell
        instances = [Instance(number) for _, number in sorted(there)[:MOST_SHOWN]]
        instances += [Instance(number, note=f"annotated {answer}") for _, number in sorted(back)[: MOST_SHOWN - 2]]
        what: Words = (f"{_count(len(there), 'sentence')} of ", Name(gold), f" {_was(there)} taken for ", Name(answer))
        if back:
            what = (*what, f", {len(back)} the other way round")
        found.append(
            Finding(
                len(there) + len(back),
                (*what, "."),
                _what_to_add(report_data, gold, answer, len(there), len(back)),
                instances,
                filter={"gold": gold, "answer": answer},
            )
        )
    return found


def _what_to_add(report_data: ReportData, gold: str, answer: str, there: int, back: int) -> Words:
    if back * 3 >= there and back >= 2:
        return (
            "It happens both ways. Say in one sentence what tells the two apart: if that is hard, merge them; if "
            "not, add sentences like these to both.",
        )
    counts = report_data.counts["intents"] if report_data.counts else {}
    few, many = counts.get(gold, 0), counts.get(answer, 0)
    if counts and few * 2 <= many:
        return (
            "Training had ",
            f"{_count(few, 'example')} of ",
            Name(gold),
            f" and {many} of ",
            Name(answer),
            ": add sentences like these to ",
            Name(gold),
            ".",
        )
    return (
        "Add sentences worded like these to ",
        Name(gold),
        ", and see whether examples of ",
        Name(answer),
        " are worded so too.",
    )


def _few(report_data: ReportData) -> list[Finding]:
    """Intents that training had few examples of and that are often answered wrongly, as one finding."""
    if report_data.counts is None or not report_data.intents:
        return []
    counts = report_data.counts["intents"]
    usual = median(counts.values()) if counts else 0
    limit = max(min(FEW, usual * 3 / 4), usual / 2)
    asked = Counter(gold for _, gold, _, _ in report_data.intents)
    wrong = Counter(gold for _, gold, answer, _ in report_data.intents if gold != answer)
    few = [label for label in wrong if 0 < counts.get(label, 0) < limit]
    if not few:
        return []
    few.sort(key=lambda label: (-wrong[label], label))
    points = [
        (Name(label), f": {_count(counts[label], 'example')} in training; {wrong[label]} of {asked[label]} wrong here")
        for label in few[:12]
    ]
    advice = (
        f"The usual intent had {usual:.0f}. Write more of these first, varied ones: other word "
        "orders, short answers, typos, things left out.",
    )
    weight = sum(wrong[label] for label in few)
    return [Finding(weight, ("Intents that training had few examples of.",), advice, points=points)]


def _missed(report_data: ReportData, spans: Sequence[tuple[int, Difference]]) -> list[Finding]:
    """Entity types that are not found, and whether the values or the sentences were new."""
    by_type = _grouped((one.gold[2], (i, one)) for i, one in spans if one.kind == "missed" and one.gold)
    found = []
    for kind, cases in by_type.items():
        gold = [(i, one.gold) for i, one in cases if one.gold]
        unseen_spans = [(i, span) for i, span in gold if (i, span[:3]) in report_data.unseen_spans]
        what: Words = (f"{_count(len(cases), 'annotation')} of ", Name(kind), f" {_was(cases)} not found")
        if unseen_spans and len(unseen_spans) * 3 >= len(gold):
            words = list(dict.fromkeys(report_data.examples[i].text[span[0] : span[1]] for i, span in unseen_spans))
            share = "their words" if len(unseen_spans) == len(gold) else f"the words of {len(unseen_spans)} of them"
            what = (*what, f"; {share} are new to training, or rare in it: ", *_listed(words))
            advice: Words = (
                "Annotate these words and others of their kind in several examples, or put them into a lookup table ",
                Name(kind),
                ".",
            )
        else:
            advice = (
                f"{'Most of the words' if unseen_spans else 'The words themselves'} were read in training, so it is the "
                "sentences around them that are new: annotate more sentences like these.",
            )
        found.append(Finding(len(cases), (*what, "."), advice, _golds(cases), filter={"type": kind, "kind": "missed"}))
    return found


def _edges(report_data: ReportData, spans: Sequence[tuple[int, Difference]]) -> list[Finding]:
    by_type = _grouped((one.gold[2], (i, one)) for i, one in spans if one.kind == "boundaries" and one.gold)
    found = []
    for kind, cases in by_type.items():
        points: list[Words] = []
        for i, one in cases[:MOST_SHOWN]:
            text = report_data.examples[i].text
            if one.gold and one.predicted:
                points.append(
                    (
                        "annotated ",
                        Name(text[one.gold[0] : one.gold[1]]),
                        ", answered ",
                        Name(text[one.predicted[0] : one.predicted[1]]),
                    )
                )
        what = (f"{_count(len(cases), 'annotation')} of ", Name(kind), f" {_was(cases)} found with other edges.")
        advice = ("Decide where it begins and ends, and look for training examples that are annotated otherwise.",)
        found.append(Finding(len(cases), what, advice, points=points, filter={"type": kind, "kind": "boundaries"}))
    return found


def _other_types(spans: Sequence[tuple[int, Difference]]) -> list[Finding]:
    cases = _grouped(
        ((one.gold[2], one.predicted[2]), (i, one))
        for i, one in spans
        if one.kind == "type" and one.gold and one.predicted
    )
    found = []
    for (gold, answer), there in cases.items():
        times = _count(len(there), "annotation")
        what = (f"{times} of ", Name(gold), f" {_was(there)} taken for ", Name(answer), ".")
        advice = ("Add sentences in which the words around it tell the two apart.",)
        found.append(Finding(len(there), what, advice, _golds(there), filter={"type": gold, "kind": "type"}))
    return found


def _roles(spans: Sequence[tuple[int, Difference]]) -> list[Finding]:
    cases = _grouped(
        ((one.gold[2], _part(one.gold), _part(one.predicted)), (i, one))
        for i, one in spans
        if one.kind == "role" and one.gold and one.predicted
    )
    found = []
    for (kind, gold, answer), there in cases.items():
        times = _count(len(there), "annotation")
        what = (f"{times} of ", Name(kind), " should be ", Name(gold), f" and {_was(there)} ", Name(answer), ".")
        advice = ("Add sentences built like these, with either role in the same place.",)
        found.append(Finding(len(there), what, advice, _golds(there), filter={"type": kind, "kind": "role"}))
    return found


def _golds(cases: Sequence[tuple[int, Difference]]) -> list[Instance]:
    return [Instance(i, one.gold) for i, one in cases[:MOST_SHOWN]]


def _part(span: RoleSpan) -> str:
    _, _, _, role, group = span
    return (role or "") + (f"#{group}" if group is not None else "") or "without a role"


def _forgotten(report_data: ReportData, spans: Sequence[tuple[int, Difference]]) -> list[Finding]:
    """Entities found where none is annotated, though the same words mostly are, in two or more other sentences."""
    there_too: dict[tuple[str, str], set[int]] = defaultdict(set)
    for i, x in enumerate(report_data.examples):
        for e in x.entities:
            there_too[e.entity, x.text[e.start : e.end]].add(i)
    cases: dict[str, list[Instance]] = defaultdict(list)
    for i, one in spans:
        if one.kind == "invented" and one.predicted:
            start, end, kind = one.predicted[:3]
            said = report_data.examples[i].text[start:end]
            times = len(there_too[kind, said] - {i})
            if times >= 2 and times >= _left_bare(report_data, said, there_too[kind, said]):
                cases[kind].append(Instance(i, one.predicted, f"annotated {times} times elsewhere"))
    found = []
    for kind, there in cases.items():
        what = (
            Name(kind),
            f" was found {_count(len(there), 'time')} where nothing is annotated, though the same "
            "words are annotated so in other sentences.",
        )
        advice = ("Was the annotation forgotten? If it is meant, the model cannot know why.",)
        found.append(Finding(len(there), what, advice, there[:MOST_SHOWN], filter={"type": kind, "kind": "invented"}))
    return found


def _left_bare(report_data: ReportData, said: str, annotated: set[int]) -> int:
    """How many sentences hold the words without their annotation; what is mostly bare was not forgotten."""
    return sum(said in example.text for i, example in enumerate(report_data.examples) if i not in annotated)


def _sure(report_data: ReportData) -> list[Finding]:
    """Intents answered wrongly with great confidence."""
    known = None if report_data.labels is None else report_data.labels.intents
    sure = sorted(
        (-confidence, i, gold, answer)
        for i, gold, answer, confidence in report_data.intents
        if answer not in (gold, None) and confidence >= SURE and (known is None or gold in known)
    )
    if not sure:
        return []
    instances = [Instance(i, note=f"annotated {gold}, answered {answer}") for _, i, gold, answer in sure[:8]]
    what = (f"{_count(len(sure), 'intent')} {_was(sure)} answered wrongly with a confidence of {SURE:.0%} or more.",)
    advice = ("Look at the annotation first: it may be wrong, or training may have examples that say the opposite.",)
    return [Finding(len(sure), what, advice, instances, filter={"kind": "intent"})]


def _grouped(pairs: Iterable[tuple[Key, Case]]) -> dict[Key, list[Case]]:
    groups: dict[Key, list[Case]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups


def _listed(words: Sequence[str], limit: int = 8) -> Words:
    shown: list[str] = []
    for word in words[:limit]:
        shown += [", ", Name(word)]
    return (*shown[1:], f" and {len(words) - limit} more" if len(words) > limit else "")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _was(cases: Sequence[object]) -> str:
    return "was" if len(cases) == 1 else "were"
