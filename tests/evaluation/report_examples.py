"""Made-up evaluations for the tests of the report page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnlu.data.schema import Entity, Example
from cnlu.evaluation.metrics import evaluate
from cnlu.evaluation.report_data import ReportData
from cnlu.runtime.labels import Labels

Found = tuple[str | None, float, Sequence[Entity]]


def entity(start: int, end: int, kind: str, role: str | None = None) -> Entity:
    return Entity(start, end, kind, "", role=role)


def report_data(
    examples: Sequence[Example], answers: Sequence[Found], labels: Labels | None = None, **rest: Any
) -> ReportData:
    """`answers` are (intent, confidence, entities) of each example; `labels`: all seen unless given."""
    results = [
        {
            "intent": {"name": intent, "confidence": confidence},
            "entities": [
                {"start": e.start, "end": e.end, "entity": e.entity} | ({"role": e.role} if e.role else {})
                for e in found
            ],
        }
        for intent, confidence, found in answers
    ]
    metrics = evaluate(examples, results, labels)
    return ReportData(
        subject="model on data", examples=examples, results=results, metrics=metrics, labels=labels, **rest
    )


SCRIPT = "<script>document.title='broken'</script>"


def many(count: int, intents: int = 64) -> ReportData:
    """So many wrong sentences of so many intents, all kinds of errors among them, and texts that look like HTML."""
    examples, answers = [], []
    for i in range(count):
        gold, other = f"意图_{i % intents:02}", f"意图_{(i * 7 + 1) % intents:02}"
        text = f"😀后天去北京{SCRIPT if i == 0 else ''}的票{i}"
        annotated = (entity(1, 3, "date"), entity(4, 6, "<b>place</b>" if i == 0 else "place", "to"))
        found = [
            (entity(1, 3, "date"),),
            (entity(1, 4, "date"), annotated[1]),
            (entity(1, 3, "time"), annotated[1]),
            (annotated[0], entity(4, 6, "place", "from")),
            (*annotated, entity(6, 7, "count")),
        ][i % 5]
        examples.append(Example(text, gold, annotated, source=f"test.yml:{i}"))
        answers.append((gold if i % 3 == 0 else other, (i % 100) / 100, found))
    return report_data(examples, answers)
