"""Values that are annotated in some examples and not in others, which confuses a model.

The same characters are not always a value: 学生 is a ticket type in 学生票 but not in 学生放假. A place is therefore
reported only if the examples show that it is an exception, by the share of the value's places that are annotated. Rare
values are judged by the other values of their type too; ordinary words are judged by their own places alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from cnlu.check.corpus import Corpus, percentage
from cnlu.check.findings import Finding
from cnlu.check.unannotated_values import AnnotatedValue, Hit, annotated_values, unannotated_hits
from cnlu.config import CheckConfig
from cnlu.i18n import _
from cnlu.io.messages import shown
from cnlu.text.chars import char_type
from cnlu.text.segment import parts_of_speech

_PRIOR_WEIGHT = 4
"""Weight of the type's annotated share, in places, when the share of one of its values is estimated"""
_MIN_CONVENTION = 3
"""Minimum number of unannotated values for which an intent without their type counts as a convention"""
_MIN_PLACES = 10
"""Smallest number of unannotated places for which a type is reported as a whole"""
_MIN_SHARE = 0.05
"""Smallest share of a type's places for which it is reported as a whole"""
_NAMES = ("nr", "ns", "nt", "nz", "t")
"""jieba's parts of speech for names and times: people, places, organizations, other proper nouns, times."""


def find_missing_annotations(corpus: Corpus) -> Iterator[Finding]:
    """`missing-annotation`, `missing-annotation-intent`, `missing-annotation-type`; test data is evidence too."""
    values = annotated_values(corpus)
    hits = unannotated_hits(corpus, values)
    if not hits:
        return
    intents = _type_intents(corpus)
    hits, conventions = _split_conventions(hits, values, intents)
    for hit in hits:
        values[hit.value].unannotated += 1
    estimator = _Estimator(corpus.config.check, values)
    mistakes = [
        hit
        for hit in hits
        if estimator.is_mistake(hit.value, (values[hit.value].type, hit.line.example.intent) in intents)
    ]
    for hit in sorted(mistakes, key=lambda hit: -estimator.annotated_share(hit.value)):
        yield _missing_annotation(hit, values[hit.value])
    others_by_type: dict[str, list[Hit]] = defaultdict(list)
    mistake_set = set(mistakes)
    for hit in hits:
        if hit not in mistake_set and not _is_number(hit.value):
            others_by_type[values[hit.value].type].append(hit)
    for kind, other_hits in others_by_type.items():
        yield from _missing_in_type(kind, other_hits, values)
    for (kind, intent), group in conventions.items():
        yield from _missing_in_intent(kind, intent, [hit for hit in group if estimator.is_name(hit.value)])


def _type_intents(corpus: Corpus) -> set[tuple[str, str | None]]:
    return {
        (entity.entity, line.example.intent)
        for lines in corpus.parts
        for line in lines
        for entity in line.example.entities
    }


def _split_conventions(
    hits: list[Hit], values: dict[str, AnnotatedValue], type_intents: set[tuple[str, str | None]]
) -> tuple[list[Hit], dict[tuple[str, str | None], list[Hit]]]:
    """Separates the hits that may be mistakes from conventions.

    A convention is an intent in which a type never occurs, although many of its values do; the second result has its
    hits, by type and intent.
    """
    without_type: dict[tuple[str, str | None], list[Hit]] = defaultdict(list)
    for hit in hits:
        key = values[hit.value].type, hit.line.example.intent
        if key not in type_intents:
            without_type[key].append(hit)
    conventions = {key: group for key, group in without_type.items() if len(group) >= _MIN_CONVENTION}
    mistakes = [hit for hit in hits if (values[hit.value].type, hit.line.example.intent) not in conventions]
    return mistakes, conventions


def _type_shares(values: dict[str, AnnotatedValue]) -> dict[str, float]:
    """For each type, the share of its values' places that are annotated."""
    annotated, all_places = Counter[str](), Counter[str]()
    for value in values.values():
        annotated[value.type] += value.annotated
        all_places[value.type] += value.annotated + value.unannotated
    return {kind: annotated[kind] / all_places[kind] for kind in all_places}


class _Estimator:
    """Decides which unannotated places are mistakes, once all places have been counted."""

    def __init__(self, settings: CheckConfig, values: dict[str, AnnotatedValue]) -> None:
        self._settings, self._values = settings, values
        self._shares, self._words = _type_shares(values), parts_of_speech()

    def annotated_share(self, text: str) -> float:
        """Estimated probability that a place of the value is annotated, with the type's share as the prior."""
        value = self._values[text]
        total = value.annotated
        return (total + _PRIOR_WEIGHT * self._shares[value.type]) / (total + value.unannotated + _PRIOR_WEIGHT)

    def is_mistake(self, text: str, has_type: bool) -> bool:
        """Whether an unannotated place is a mistake. `has_type`: whether its intent has the type anywhere."""
        if self.annotated_share(text) < self._settings.missing_annotation_share:
            return False
        value = self._values[text]
        inconsistent = self._shares[value.type] < self._settings.missing_annotation_share
        if has_type and not inconsistent and not _is_common(text, self._words):
            return True
        return value.annotated / (value.annotated + value.unannotated) >= self._settings.missing_annotation_common_share

    def is_name(self, text: str) -> bool:
        """Whether these characters nearly always mean this value."""
        rare_word = self._values[text].annotated < _PRIOR_WEIGHT and _is_common(text, self._words)
        return not rare_word and self.is_mistake(text, has_type=True)


def _is_common(value: str, words: dict[str, str]) -> bool:
    """Whether the value is an ordinary word or a number."""
    return _is_number(value) or (value in words and not words[value].startswith(_NAMES))


def _is_number(value: str) -> bool:
    """Whether the value is a number with at most one other character, such as 两张 or 12号. G12 is a name."""
    others = [kind for kind in map(char_type, value) if kind not in ("digit", "hannum")]
    return len(others) < 2 and "latin" not in others


def _missing_annotation(hit: Hit, value: AnnotatedValue) -> Finding:
    text = hit.line.example.text
    written, type_name = text[hit.start : hit.end], shown(value.type)[1:-1]
    total = value.annotated
    problem = _(
        "has {value} at {span} without an annotation; in {annotated} of {total} places it is {type}, for example at "
        "{place}",
        value=shown(written),
        span=f"{hit.start}-{hit.end}",
        type=type_name,
        annotated=total,
        total=total + value.unannotated,
        place=value.annotated_at[0].source,
    )
    return Finding(
        code="missing-annotation",
        source=hit.line.example.source,
        text=text,
        problem=problem,
        fix=_("annotate {markup}", markup=f"[{written}]({type_name})"),
        related=tuple(value.annotated_at),
    )


def _missing_in_intent(kind: str, intent: str | None, group: list[Hit]) -> Iterator[Finding]:
    if len(group) < _MIN_CONVENTION:
        return
    values = _listed(group)
    if intent is None:
        problem = _(
            "is a type that examples without an intent never have, although they contain {values}", values=values
        )
    else:
        problem = _(
            "is a type that {intent} never has, although its examples contain {values}",
            intent=shown(intent),
            values=values,
        )
    yield Finding(
        code="missing-annotation-intent",
        source=group[0].line.example.source,
        text=kind,
        problem=problem,
        fix=_("annotate them, unless they mean something else there"),
        related=tuple(hit.line.place for hit in group),
    )


def _missing_in_type(kind: str, hits: list[Hit], values: dict[str, AnnotatedValue]) -> Iterator[Finding]:
    annotated = sum(value.annotated for value in values.values() if value.type == kind)
    if len(hits) < _MIN_PLACES or len(hits) < _MIN_SHARE * (annotated + len(hits)):
        return
    problem = _(
        "is annotated in {share} of the places where its values occur; these have no annotation: {values}",
        share=percentage(annotated, annotated + len(hits)),
        values=_listed(hits),
    )
    yield Finding(
        code="missing-annotation-type",
        source=hits[0].line.example.source,
        text=kind,
        problem=problem,
        fix=_("check these places; common words that are only sometimes values need no annotation"),
        related=tuple(hit.line.place for hit in hits),
    )


def _listed(hits: list[Hit], limit: int = 5) -> str:
    """The values by their number of unannotated places: “可以” (12), “你好” (3) and 40 more."""
    counts = Counter(hit.value for hit in hits).most_common()
    listed = ", ".join(f"{shown(value)} ({count})" for value, count in counts[:limit])
    if len(counts) <= limit:
        return listed
    return _("{listed} and {count} more", listed=listed, count=len(counts) - limit)
