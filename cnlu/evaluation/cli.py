"""The steps of `cnlu evaluate` and the checks of its arguments; `cnlu/evaluate_cli.py` defines the options."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from cnlu.config.needs import refuse_option
from cnlu.data.load import load_data
from cnlu.errors import UsageError
from cnlu.evaluation.cross_validation import format_folds
from cnlu.evaluation.metrics import evaluate
from cnlu.evaluation.page.page import render
from cnlu.evaluation.report import check_report_out, find_errors, format_report, write_report
from cnlu.evaluation.report_data import ReportData, find_unseen_spans
from cnlu.i18n import _
from cnlu.runtime.interpreter import Interpreter
from cnlu.runtime.model_dir import is_model_dir

Log = Callable[[str], None]


def check_evaluate(arguments: argparse.Namespace) -> None:
    """Raises UsageError for arguments that cannot work, before anything is loaded."""
    folds, paths = arguments.cross_validate, arguments.paths
    if folds is None:
        training = {
            "--config": arguments.config,
            "--set": arguments.overrides,
            "--encoder": arguments.encoder,
            "--seed": arguments.seed,
            "--device": arguments.device,
        }
        refuse_option(training, _("has no effect without --cross-validate, because nothing is trained"))
        if len(paths) < 2:
            problem = _("`cnlu evaluate MODEL DATA` needs a model and examples")
            raise UsageError(paths[0], problem, _("name both, or give --cross-validate 5 to evaluate without a model"))
    else:
        for path in paths:
            if is_model_dir(Path(path)):
                problem = _("is a model, but --cross-validate trains its own models")
                raise UsageError(path, problem, _("leave out one of the two"))
    if arguments.out is not None:
        check_report_out(arguments.out, arguments.force)
    else:
        fix = _("name the report to replace with --out, or leave out --force")
        refuse_option({"--force": arguments.force}, _("has no effect without --out"), fix)


def evaluate_model(paths: Sequence[str], log: Log) -> ReportData:
    """Evaluates the model at the first path on the examples at the others. Raises ModelError or DataError."""
    model = Interpreter.load(paths[0])
    data = load_data(paths[1:])
    for note in data.notes:
        log(f"note: {note}")
    results = model.parse_batch([example.text for example in data.examples])
    metrics = evaluate(data.examples, results, model.labels)
    unseen_spans = find_unseen_spans(data.examples, lambda kind, value: model.has_seen(value, kind))
    return ReportData(
        subject=_("{model} on {data}", model=paths[0], data=", ".join(paths[1:])),
        examples=data.examples,
        results=results,
        metrics=metrics,
        labels=model.labels,
        counts=model.training.get("examples"),
        unseen_spans=unseen_spans,
    )


def finish(report_data: ReportData, out: str | None, force: bool, log: Log) -> str:
    """Writes the report to `out`, if given, and returns the table for the terminal; raises as `write_report` does."""
    if out is not None:  # first, because the reader of the table may close the pipe early
        errors = find_errors(report_data.examples, report_data.results)
        if report_data.fold_of is not None:
            errors = [
                error | {"fold": report_data.fold_of[i]} for error, i in zip(errors, report_data.wrong, strict=True)
            ]
        write_report(out, report_data.metrics, errors, force, render(report_data))
        log(f"{out}: report.html, metrics.json and {len(errors)} wrong frames in errors.jsonl")
    return format_report(report_data.metrics) + (
        f"\n\n{format_folds(report_data.metrics['folds'])}" if "folds" in report_data.metrics else ""
    )
