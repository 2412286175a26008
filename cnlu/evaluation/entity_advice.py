"""Findings about entities: missed ones, other boundaries, other types, other roles."""

from __future__ import annotations

from cnlu.evaluation.findings import (
    MAX_SENTENCES,
    Cases,
    Finding,
    Name,
    Words,
    enumeration,
    gold_instances,
    group_by_key,
    pieces,
)
from cnlu.evaluation.frames import RoleSpan
from cnlu.evaluation.report_data import ReportData
from cnlu.i18n import _, n_


def entity_findings(report_data: ReportData, spans: Cases) -> list[Finding]:
    """All findings about entities."""
    return [*_missed(report_data, spans), *_boundaries(report_data, spans), *_other_types(spans), *_roles(spans)]


def _missed(report_data: ReportData, spans: Cases) -> list[Finding]:
    """Findings about missed entities, one for each type; they say whether the values or the sentences are new."""
    by_type = group_by_key(
        (difference.gold[2], (i, difference))
        for i, difference in spans
        if difference.kind == "missed" and difference.gold
    )
    findings = []
    for kind, cases in by_type.items():
        gold = [(i, difference.gold) for i, difference in cases if difference.gold]
        unseen = [(i, span) for i, span in gold if (i, span[:3]) in report_data.unseen_spans]
        missed = n_(
            "{count} annotation of {type} was not found.",
            "{count} annotations of {type} were not found.",
            len(cases),
            type=Name(kind),
        )
        if unseen and len(unseen) * 3 >= len(gold):
            values = list(dict.fromkeys(report_data.examples[i].text[span[0] : span[1]] for i, span in unseen))
            problem = pieces(f"{missed} {_unseen_values(values, len(unseen), len(gold))}")
            advice = _(
                "Annotate these values and similar ones in several examples, or put them into a lookup table {type}.",
                type=Name(kind),
            )
        else:
            problem, advice = pieces(missed), _seen_values_advice(some_unseen=bool(unseen))
        findings.append(
            Finding(
                weight=len(cases),
                problem=problem,
                advice=pieces(advice),
                instances=gold_instances(cases),
                filter={"type": kind, "kind": "missed"},
            )
        )
    return findings


def _unseen_values(values: list[str], unseen: int, total: int) -> str:
    """The sentence about the values that training has not seen."""
    if unseen == total:
        return _("Training has not seen their values, or rarely: {values}.", values=enumeration(values))
    return n_(
        "Training has not seen the value of {count} of them, or rarely: {values}.",
        "Training has not seen the values of {count} of them, or rarely: {values}.",
        unseen,
        values=enumeration(values),
    )


def _seen_values_advice(some_unseen: bool) -> str:
    if some_unseen:
        return _(
            "Training has seen most of the values, so the sentences around them are new: annotate more sentences like "
            "these."
        )
    return _("Training has seen the values, so the sentences around them are new: annotate more sentences like these.")


def _boundaries(report_data: ReportData, spans: Cases) -> list[Finding]:
    by_type = group_by_key(
        (difference.gold[2], (i, difference))
        for i, difference in spans
        if difference.kind == "boundaries" and difference.gold
    )
    findings = []
    for kind, cases in by_type.items():
        points: list[Words] = []
        for i, difference in cases[:MAX_SENTENCES]:
            text = report_data.examples[i].text
            if difference.gold and difference.predicted:
                gold, answer = (
                    Name(text[difference.gold[0] : difference.gold[1]]),
                    Name(text[difference.predicted[0] : difference.predicted[1]]),
                )
                points.append(pieces(_("annotated {gold}, answered {answer}", gold=gold, answer=answer)))
        problem = n_(
            "{count} annotation of {type} was found with other boundaries.",
            "{count} annotations of {type} were found with other boundaries.",
            len(cases),
            type=Name(kind),
        )
        advice = _("Decide where it begins and ends, and look for training examples that are annotated differently.")
        findings.append(
            Finding(
                weight=len(cases),
                problem=pieces(problem),
                advice=pieces(advice),
                points=points,
                filter={"type": kind, "kind": "boundaries"},
            )
        )
    return findings


def _other_types(spans: Cases) -> list[Finding]:
    by_pair = group_by_key(
        ((difference.gold[2], difference.predicted[2]), (i, difference))
        for i, difference in spans
        if difference.kind == "type" and difference.gold and difference.predicted
    )
    findings = []
    for (gold, answer), cases in by_pair.items():
        problem = n_(
            "{count} annotation of {gold} was answered as {answer}.",
            "{count} annotations of {gold} were answered as {answer}.",
            len(cases),
            gold=Name(gold),
            answer=Name(answer),
        )
        findings.append(
            Finding(
                weight=len(cases),
                problem=pieces(problem),
                advice=pieces(_("Add sentences in which the words around the entity distinguish the two types.")),
                instances=gold_instances(cases),
                filter={"type": gold, "kind": "type"},
            )
        )
    return findings


def _roles(spans: Cases) -> list[Finding]:
    by_roles = group_by_key(
        ((difference.gold[2], _role_and_group(difference.gold), _role_and_group(difference.predicted)), (i, difference))
        for i, difference in spans
        if difference.kind == "role" and difference.gold and difference.predicted
    )
    findings = []
    for (kind, gold, answer), cases in by_roles.items():
        problem = n_(
            "{count} annotation of {type} should have the role or group {gold}, but was answered with {answer}.",
            "{count} annotations of {type} should have the role or group {gold}, but were answered with {answer}.",
            len(cases),
            type=Name(kind),
            gold=Name(gold),
            answer=Name(answer),
        )
        findings.append(
            Finding(
                weight=len(cases),
                problem=pieces(problem),
                advice=pieces(_("Add sentences of the same structure with each role in the same position.")),
                instances=gold_instances(cases),
                filter={"type": kind, "kind": "role"},
            )
        )
    return findings


def _role_and_group(span: RoleSpan) -> str:
    _start, _end, _kind, role, group = span
    return (role or "") + (f"#{group}" if group is not None else "") or _("none")
