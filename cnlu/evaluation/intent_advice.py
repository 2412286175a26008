"""Findings about intents: pairs that the model confuses, and intents with few training examples."""

from __future__ import annotations

from collections import Counter, defaultdict
from statistics import median

from cnlu.evaluation.findings import MAX_SENTENCES, Finding, Instance, Name, Words, pieces
from cnlu.evaluation.report_data import ReportData
from cnlu.i18n import _, n_

FEW_EXAMPLES = 20
"""An intent with fewer training examples counts as small if the median intent has clearly more."""


def intent_findings(report_data: ReportData) -> list[Finding]:
    """All findings about intents."""
    return [*_confused(report_data), *_intents_with_few_examples(report_data)]


def _confused(report_data: ReportData) -> list[Finding]:
    """Pairs of intents that the model confuses, both directions in one finding."""
    cells: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    for number, gold, answer, confidence in report_data.intents:
        is_seen = report_data.labels is None or gold in report_data.labels.intents
        if answer is not None and gold != answer and is_seen:
            cells[gold, answer].append((-confidence, number))
    findings = []
    for (gold, answer), confusions in cells.items():
        reversals = cells.get((answer, gold), [])
        if (len(reversals), gold) > (len(confusions), answer) or len(confusions) + len(reversals) < 2:
            continue  # the reverse direction has the finding, or a single error is no pattern
        note = _("annotated {intent}", intent=answer)
        instances = [Instance(number) for _key, number in sorted(confusions)[:MAX_SENTENCES]]
        instances += [Instance(number, note=note) for _key, number in sorted(reversals)[: MAX_SENTENCES - 2]]
        findings.append(
            Finding(
                weight=len(confusions) + len(reversals),
                problem=_confusion(gold, answer, len(confusions), len(reversals)),
                advice=_confusion_advice(report_data, gold, answer, len(confusions), len(reversals)),
                instances=instances,
                filter={"gold": gold, "answer": answer},
            )
        )
    return findings


def _confusion(gold: str, answer: str, confused: int, reverse: int) -> Words:
    names = {"gold": Name(gold), "answer": Name(answer)}
    if not reverse:
        message = n_(
            "{count} sentence of {gold} was answered as {answer}.",
            "{count} sentences of {gold} were answered as {answer}.",
            confused,
            **names,
        )
    else:
        message = n_(
            "{count} sentence of {gold} was answered as {answer}, and {back} the other way round.",
            "{count} sentences of {gold} were answered as {answer}, and {back} the other way round.",
            confused,
            back=reverse,
            **names,
        )
    return pieces(message)


def _confusion_advice(report_data: ReportData, gold: str, answer: str, confused: int, reverse: int) -> Words:
    names = {"gold": Name(gold), "answer": Name(answer)}
    if reverse * 3 >= confused and reverse >= 2:
        return pieces(
            _(
                "It happens both ways. Try to say in one sentence how the two differ. If that is hard, merge them; if "
                "not, add sentences like these to both."
            )
        )
    counts = report_data.counts["intents"] if report_data.counts else {}
    gold_count, answer_count = counts.get(gold, 0), counts.get(answer, 0)
    if counts and gold_count * 2 <= answer_count:
        return pieces(
            n_(
                "Training had {count} example of {gold} and {many} of {answer}. Add sentences like these to {gold}.",
                "Training had {count} examples of {gold} and {many} of {answer}. Add sentences like these to {gold}.",
                gold_count,
                many=answer_count,
                **names,
            )
        )
    return pieces(
        _(
            "Add sentences with similar phrasing to {gold}, and check whether examples of {answer} use it too.",
            **names,
        )
    )


def _intents_with_few_examples(report_data: ReportData) -> list[Finding]:
    """One finding about the intents with few training examples and wrong answers."""
    if report_data.counts is None or not report_data.intents:
        return []
    counts = report_data.counts["intents"]
    usual = median(counts.values()) if counts else 0
    limit = max(min(FEW_EXAMPLES, usual * 3 / 4), usual / 2)
    totals = Counter(gold for _, gold, _, _ in report_data.intents)
    wrong = Counter(gold for _, gold, answer, _ in report_data.intents if gold != answer)
    small_intents = [label for label in wrong if 0 < counts.get(label, 0) < limit]
    if not small_intents:
        return []
    small_intents.sort(key=lambda label: (-wrong[label], label))
    advice = n_(
        "The median intent had {count} example. Write more for these first, and vary them: other word orders, short "
        "answers, typos, omissions.",
        "The median intent had {count} examples. Write more for these first, and vary them: other word orders, short "
        "answers, typos, omissions.",
        round(usual),
    )
    return [
        Finding(
            weight=sum(wrong[label] for label in small_intents),
            problem=pieces(_("These intents had few training examples.")),
            advice=pieces(advice),
            points=[_point(label, counts[label], wrong[label], totals[label]) for label in small_intents[:12]],
        )
    ]


def _point(label: str, examples: int, wrong: int, total: int) -> Words:
    return pieces(
        n_(
            "{label}: {count} example in training; {wrong} of {total} wrong here",
            "{label}: {count} examples in training; {wrong} of {total} wrong here",
            examples,
            label=Name(label),
            wrong=wrong,
            total=total,
        )
    )
