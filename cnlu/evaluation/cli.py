"""The options of `cnlu evaluate`, what of them does not go together, and its steps."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from cnlu.config.setting import whole
from cnlu.data.load import load_data
from cnlu.errors import UsageError
from cnlu.evaluation.cross_validation import format_folds
from cnlu.evaluation.metrics import evaluate
from cnlu.evaluation.page.page import render
from cnlu.evaluation.report import check_report_out, find_errors, format_report, write_report
from cnlu.evaluation.report_data import ReportData, find_unseen_spans
from cnlu.runtime.interpreter import Interpreter
from cnlu.runtime.model_dir import is_model_dir

Log = Callable[[str], None]


def add_evaluate(parser: argparse.ArgumentParser) -> argparse._ActionsContainer:
    """Returns where the options of training belong."""
    parser.usage = (
        "cnlu evaluate MODEL DATA... [--out REPORT_DIR] [--force]\n"
        "       cnlu evaluate --cross-validate K DATA... [--out REPORT_DIR] [--force] [options of cnlu train]"
    )
    parser.description = (
        "Evaluate MODEL on DATA: a table, and with --out report.html, metrics.json and errors.jsonl. "
        "With --cross-validate no model is given: K are trained, each on all examples but those it then answers."
    )
    parser.add_argument("paths", nargs="+", metavar="MODEL DATA", help="the model directory, then the examples")
    parser.add_argument("--out", metavar="REPORT_DIR", help="where to write the report")
    parser.add_argument("--force", action="store_true", help="replace the report at --out")
    group = parser.add_argument_group("cross-validation")
    group.add_argument(
        "--cross-validate", type=whole(2, 1000), metavar="K", help="train and measure K times; 5 and 10 are usual"
    )
    group.add_argument(
        "--encoder", metavar="DIR|NAME", help="a pretrained encoder to build on: a directory or a hub name"
    )
    return group


def check_evaluate(arguments: argparse.Namespace) -> None:
    """Raises UsageError for what cannot be done, before anything is loaded."""
    folds, paths = arguments.cross_validate, arguments.paths
    if folds is None:
        _refuse_idle(arguments)
        if len(paths) < 2:
            raise UsageError(
                f"{paths[0]}: evaluate needs a model and examples, as in `cnlu evaluate MODEL DATA`; without a model, "
                "give --cross-validate 5."
            )
    else:
        for path in paths:
            if is_model_dir(Path(path)):
                raise UsageError(f"{path}: is a model, and --cross-validate trains its own; leave one of the two out.")
    if arguments.force and arguments.out is None:
        raise UsageError("--force has no effect without --out; name the report to replace, or leave it out.")
    if arguments.out is not None:
        check_report_out(arguments.out, arguments.force)


def _refuse_idle(arguments: argparse.Namespace) -> None:
    given = {
        "--config": arguments.config,
        "--set": arguments.overrides or None,
        "--encoder": arguments.encoder,
        "--seed": arguments.seed,
        "--device": arguments.device,
    }
    for option, value in given.items():
        if value is not None:
            raise UsageError(f"{option} has no effect without --cross-validate, for nothing is trained; leave it out.")


def evaluate_model(paths: Sequence[str], log: Log) -> ReportData:
    """The model at the first path on the examples at the others; raises ModelError or DataError."""
    model = Interpreter.load(paths[0])
    data = load_data(paths[1:])
    for note in data.notes:
        log(f"note: {note}")
    found = model.parse_batch([example.text for example in data.examples])
    metrics = evaluate(data.examples, found, model.labels)
    unseen_spans = find_unseen_spans(data.examples, lambda kind, said: model.has_seen(said, kind))
    subject = f"{paths[0]} on {', '.join(paths[1:])}"
    return ReportData(
        subject, data.examples, found, metrics, model.labels, model.training.get("examples"), unseen_spans
    )


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
