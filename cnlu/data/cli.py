"""`cnlu split`: its options, steps and output. Everything else is imported when the command runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TextIO

from cnlu.config.setting import SEEDS, real, whole
from cnlu.errors import UsageError
from cnlu.i18n import _


def add_split(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    parser.description = (
        "Split DATA into train, dev and test, each with its share of every intent and no text in two of them. "
        "DATA: Rasa NLU YAML files, JSONL files, or folders of them."
    )
    parser.add_argument("data", nargs="+", metavar="DATA")
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder to write")
    add = parser.add_argument
    add("--dev", type=real(0, 1), default=0.1, metavar="X", help="share of dev (default 0.1; 0: no dev)")
    add("--test", type=real(0, 1), default=0.1, metavar="X", help="share of test (default 0.1; 0: no test)")
    add("--seed", type=whole(0, SEEDS), default=1, metavar="N", help="random seed of the split (default 1)")
    add("--force", action="store_true", help="replace the split at --out")
    parser.set_defaults(run=_split)


def _split(arguments: argparse.Namespace) -> int:
    from cnlu.data.load import load_data
    from cnlu.data.split_files import (
        check_no_overlap,
        describe_files,
        describe_small_intents,
        is_split,
        render,
        split_examples,
    )
    from cnlu.io.atomic_directory import check_out, could_not_write, resolve, write_dir

    out = Path(arguments.out)
    _check_shares(arguments.dev, arguments.test)
    check_out(out, arguments.force, "split", is_split)
    check_no_overlap(out, arguments.data)
    data = load_data(arguments.data)
    parts = split_examples(data.examples, arguments.dev, arguments.test, arguments.seed)
    files, refusals = render(data, parts)
    try:
        write_dir(resolve(out), files)
    except OSError as error:
        raise could_not_write(out, "split", error) from None
    for note in (*data.notes, *refusals, *describe_small_intents(parts)):
        _print(_("note: {note}", note=note), sys.stderr)
    for line in describe_files(out, parts, files):
        _print(line, sys.stdout)
    return 0


def _check_shares(dev: float, test: float) -> None:
    if dev + test >= 1:
        problem = _("--dev {dev:g} and --test {test:g} leave nothing to train on", dev=dev, test=test)
        raise UsageError("", problem, _("choose shares whose sum is below 1"))


def _print(line: str, stream: TextIO) -> None:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream)
