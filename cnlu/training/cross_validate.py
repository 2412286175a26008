"""Parse every example with a model that was not trained on it: the steps of `cnlu evaluate --cross-validate`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import Any

from cnlu.config import Config
from cnlu.data.load import load_data
from cnlu.data.schema import Example, NluData
from cnlu.data.split import stratified_folds
from cnlu.errors import DataError
from cnlu.evaluation.cross_validation import pooled
from cnlu.evaluation.frames import Span
from cnlu.evaluation.metrics import evaluate
from cnlu.evaluation.report_data import ReportData, find_unseen_spans, seen_in_examples
from cnlu.i18n import _
from cnlu.io.temporary import scratch_folder
from cnlu.progress import no_log
from cnlu.runtime.interpreter import Interpreter
from cnlu.runtime.labels import Labels
from cnlu.training.data.dataset import count_labels, split_dataset
from cnlu.training.inputs import prepare
from cnlu.training.request import Log, Request
from cnlu.training.train import train_on


@dataclass(frozen=True)
class CrossValidation:
    """The options of a cross-validation."""

    data: Sequence[str | Path]
    folds: int
    config: Config
    _: KW_ONLY
    encoder: str | None = None
    """Directory or hub name of a pretrained encoder; None trains on sparse features alone"""
    device: str | None = None
    """cpu or cuda; None uses CUDA if it is available"""
    quiet: bool = False
    """No progress bar"""


@dataclass(frozen=True)
class _Fold:
    """The results of one model on its held-out examples."""

    numbers: list[int]
    """Indices of the examples in the whole data"""
    results: list[dict[str, Any]]
    metrics: dict[str, Any]
    unseen_spans: frozenset[tuple[int, Span]]


def cross_validate(options: CrossValidation, log: Log = no_log) -> ReportData:
    """Train `options.folds` models one after the other, each in a temporary folder that is deleted afterwards.

    Raises UsageError, DataError or ModelError.
    """
    data = load_data(list(options.data), settings=options.config.data)
    for note in data.notes:
        log(f"note: {note}")
    if not any(example.intent is not None or example.entities for example in data.examples):
        place = ", ".join(map(str, options.data))
        raise DataError(place, _("no example has an intent or an entity"), _("annotate some first"))
    fold_of = stratified_folds(data.examples, options.folds, options.config.training.seed)
    _note_rare(data.examples, options.folds, log)
    fold_results = [_run_fold(options, data, fold_of, fold, log) for fold in range(options.folds)]
    results: list[Mapping[str, Any]] = [{}] * len(data.examples)
    for fold_result in fold_results:
        for number, result in zip(fold_result.numbers, fold_result.results, strict=True):
            results[number] = result
    metrics = pooled(data.examples, results, [fold_result.metrics for fold_result in fold_results])
    subject = f"{', '.join(map(str, options.data))}, cross-validated in {options.folds} folds"
    counts = count_labels(data.examples, options.config.model.multi_label)
    unseen_spans: frozenset[Any] = frozenset().union(*(fold_result.unseen_spans for fold_result in fold_results))
    labels = _labels(metrics, data.examples)
    return ReportData(
        subject=subject,
        examples=data.examples,
        results=results,
        metrics=metrics,
        labels=labels,
        counts=counts,
        unseen_spans=unseen_spans,
        fold_of=[fold + 1 for fold in fold_of],
    )


def _note_rare(examples: Sequence[Example], folds: int, log: Log) -> None:
    """Logs the intents that have fewer different texts than there are folds."""
    texts = Counter(
        intent for _, intent in {(example.text, example.intent) for example in examples} if intent is not None
    )
    rare = sorted(((count, intent) for intent, count in texts.items() if count < folds))
    if rare:
        listed = ", ".join(f"{intent} ({count})" for count, intent in rare[:10])
        more = f" and {len(rare) - 10} more" if len(rare) > 10 else ""
        log(
            f"note: intents with fewer different texts than the {folds} folds are missing from some of them, and one "
            f"with a single text is never right: {listed}{more}."
        )


def _run_fold(options: CrossValidation, data: NluData, fold_of: Sequence[int], fold: int, log: Log) -> _Fold:
    numbers = [i for i, number in enumerate(fold_of) if number == fold]
    test = [data.examples[i] for i in numbers]
    train = [example for example, number in zip(data.examples, fold_of, strict=True) if number != fold]
    title = f"fold {fold + 1} of {options.folds}"
    log(f"{title}: {len(train)} examples to learn from, {len(test)} held out")
    with scratch_folder() as folder:
        request = Request(
            data=options.data,
            out=folder / "model",
            config=options.config,
            encoder=options.encoder,
            device=options.device,
            quiet=options.quiet,
        )
        _train(request, data, train, log if fold == 0 else no_log)
        model = Interpreter.load(request.out)
        results = model.parse_batch([example.text for example in test])
    metrics = evaluate(test, results, model.labels)
    log(f"{title}: {_summary(metrics)}")
    return _Fold(numbers, results, metrics, find_unseen_spans(test, seen_in_examples(train), numbers))


def _train(request: Request, data: NluData, examples: Sequence[Example], log: Log) -> None:
    """Trains as `cnlu train` does, without the log lines that name the temporary folder."""

    def log_without_paths(line: str) -> None:
        if str(request.out) not in line and not line.startswith("interrupted"):
            log(line)

    device = prepare(request)
    dataset = split_dataset(replace(data, notes=[]), examples, request, log)
    train_on(dataset, request, device, log_without_paths)


def _labels(metrics: Mapping[str, Any], examples: Sequence[Example]) -> Labels:
    """The labels of the examples that training has seen in at least one fold that is evaluated on them."""
    collected = Labels.collect(examples)
    intents, entities = (
        [label for label in labels if (metrics[section] or {key: {}})[key].get(label, {"seen": True})["seen"]]
        for labels, section, key in (
            (collected.intents, "intent", "per_label"),
            (collected.entities, "entity", "per_type"),
        )
    )
    return Labels(intents, entities, collected.roles, collected.groups)


def _summary(metrics: Mapping[str, Any]) -> str:
    parts = [f"frames {metrics['frame_accuracy']:.3f}"]
    if metrics["intent"]:
        parts.append(f"intents {metrics['intent']['accuracy']:.3f}")
    if metrics["entity"]:
        parts.append(f"entity F1 {metrics['entity']['f1']:.3f}")
    return ", ".join(parts)
