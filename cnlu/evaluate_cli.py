"""`cnlu evaluate`: evaluates a trained model or, with `--cross-validate`, models that it trains itself."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cnlu.bundled import choose_encoder
from cnlu.config.options import add_settings
from cnlu.config.setting import whole
from cnlu.extras import needed_for
from cnlu.io.messages import encodable
from cnlu.training.cli import add_encoder, log_to_stderr, read_config

if TYPE_CHECKING:
    from cnlu.evaluation.report_data import ReportData


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    parser.usage = (
        "cnlu evaluate MODEL DATA... [--out REPORT_DIR] [--force]\n"
        "       cnlu evaluate --cross-validate K DATA... [--out REPORT_DIR] [--force] [options of cnlu train]"
    )
    parser.description = (
        "Evaluate MODEL on DATA: print a table, and with --out write report.html, metrics.json and errors.jsonl. "
        "With --cross-validate, train K models instead, each on all examples except those that it is evaluated on."
    )
    parser.add_argument("paths", nargs="+", metavar="MODEL DATA", help="the model directory, then the examples")
    parser.add_argument("--out", metavar="REPORT_DIR", help="where to write the report")
    parser.add_argument("--force", action="store_true", help="replace the report at --out")
    group = parser.add_argument_group("cross-validation")
    group.add_argument(
        "--cross-validate", type=whole(2, 1000), metavar="K", help="train and evaluate K times; 5 and 10 are common"
    )
    add_encoder(group)
    add_settings(group)
    parser.set_defaults(run=_evaluate)


def _evaluate(arguments: argparse.Namespace) -> int:
    from cnlu.evaluation.cli import check_evaluate, evaluate_model, finish

    check_evaluate(arguments)
    report_data = (
        _cross_validate(arguments) if arguments.cross_validate else evaluate_model(arguments.paths, log_to_stderr)
    )
    print(encodable(finish(report_data, arguments.out, arguments.force, log_to_stderr)))
    return 0


def _cross_validate(arguments: argparse.Namespace) -> ReportData:
    with needed_for("Training", "train"):
        from cnlu.training.cross_validate import CrossValidation, cross_validate
    encoder = choose_encoder(arguments.encoder)
    options = CrossValidation(
        arguments.paths,
        arguments.cross_validate,
        read_config(arguments, encoder),
        encoder=encoder,
        device=arguments.device,
    )
    return cross_validate(options, log=log_to_stderr)
