"""`cnlu split`: the options, the order of its steps, what it prints; the rest is imported when it runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TextIO

from cnlu.config.setting import SEEDS, real, whole
from cnlu.errors import UsageError


def add_split(parser: argparse.ArgumentParser) -> None:
    """Describes the verb to the parser of the command line."""
    parser.description = (
        "Divide DATA into train, dev and test, each with its share of every intent and no text in two of them. "
        "DATA: Rasa NLU YAML files, JSONL files, or folders of them."
    )
    parser.add_argument("data", nargs="+", metavar="DATA")
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder to write")
    add = parser.add_argument
    add("--dev", type=real(0, 1), default=0.1, metavar="X", help="share of dev (default 0.1; 0: no dev)")
    add("--test", type=real(0, 1), default=0.1, metavar="X", help="share of test (default 0.1; 0: no test)")
    add("--seed", type=whole(0, SEEDS), default=1, metavar="N", help="another number, another split (default 1)")
    add("--force", action="store_true", help="replace the split at --out")
    parser.set_defaults(run=_split)


def _split(arguments: argparse.Namespace) -> int:
    from cnlu.data.load import load_data
    from cnlu.data.split_files import check_apart, counts, is_split, render, split_examples, too_small
    from cnlu.io.atomic_directory import check_out, could_not_write, resolve, write_dir

    out = Path(arguments.out)
    _check_shares(arguments.dev, arguments.test)
    check_out(out, arguments.force, "split", is_split)
    check_apart(out, arguments.data)
    data = load_data(arguments.data)
    parts = split_examples(data.examples, arguments.dev, arguments.test, arguments.seed)
    files, refusals = render(data, parts)
    try:
        write_dir(resolve(out), files)
    except OSError as error:
        raise could_not_write(out, "split", error) from None
    for note in (*data.notes, *refusals, *too_small(parts)):
        _print(f"note: {note}", sys.stderr)
    for line in counts(out, parts, files):
        _print(line, sys.stdout)
    return 0


def _check_shares(dev: float, test: float) -> None:
    if dev + test >= 1:
        raise UsageError(f"--dev {dev:g} and --test {test:g} leave nothing to train on; their sum must be below 1.")


def _print(line: str, stream: TextIO) -> None:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream)
