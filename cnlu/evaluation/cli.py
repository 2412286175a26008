"""The steps of `cnlu evaluate`, and which of its options exclude each other; `cnlu/evaluate_cli.py` has the options."""

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
from cnlu.evaluation.report_data import ReportData, unheard
from cnlu.i18n import _
from cnlu.runtime.interpreter import Interpreter
from cnlu.runtime.model_dir import is_model_dir

Log = Callable[[str], None]


def check_evaluate(arguments: argparse.Namespace) -> None:
    """Raises UsageError for what cannot be done, before anything is loaded."""
    folds, paths = arguments.cross_validate, arguments.paths
    if folds is None:
        training = {
            "--config": arguments.config,
            "--set": arguments.overrides,
            "--encoder": arguments.encoder,
            "--seed": arguments.seed,
            "--device": arguments.device,
        }
        refuse_option(training, _("has no effect without --cross-validate, for nothing is trained"))
        if len(paths) < 2:
            raise UsageError(
                f"{paths[0]}: evaluate needs a model and examples, as in `cnlu evaluate MODEL DATA`; without a model, "
                "give --cross-validate 5."
            )
    else:
        for path in paths:
            if is_model_dir(Path(path)):
                raise UsageError(f"{path}: is a model, and --cross-validate trains its own; leave one of the two out.")
    if arguments.out is not None:
        check_report_out(arguments.out, arguments.force)
    else:
        fix = _("name the report to replace, or leave it out")
        refuse_option({"--force": arguments.force}, _("has no effect without --out"), fix)


def evaluate_model(paths: Sequence[str], log: Log) -> ReportData:
    """The model at the first path on the examples at the others; raises ModelError or DataError."""
    model = Interpreter.load(paths[0])
    data = load_data(paths[1:])
    for note in data.notes:
        log(f"note: {note}")
    found = model.parse_batch([example.text for example in data.examples])
    metrics = evaluate(data.examples, found, model.labels)
    fresh = unheard(data.examples, lambda kind, said: model.has_read(said, kind))
    subject = f"{paths[0]} on {', '.join(paths[1:])}"
    return ReportData(subject, data.examples, found, metrics, model.labels, model.training.get("examples"), fresh)


def finish(report_data: ReportData, out: str | None, force: bool, log: Log) -> str:
    """The report, written where there is an `out`, and the terminal's table; raises as `write_report`."""
    if out is not None:  # before the table, whose reader may go away early
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
