"""The options of `cnlu check`; the rules are imported when it runs."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, TextIO

from cnlu.i18n import _
from cnlu.io.messages import encodable

if TYPE_CHECKING:
    from cnlu.config import Config
    from cnlu.data.schema import NluData


def add_check(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    parser.description = (
        "Find mistakes in examples before training. Exit code 0: no findings; 1: findings; 2: something cannot be read."
    )
    add = parser.add_argument
    add("data", nargs="+", metavar="DATA")
    add(
        "--test",
        action="append",
        default=[],
        metavar="DATA",
        help="test examples, checked and compared with the training examples",
    )
    add("--format", choices=("text", "json"), default="text", help="json has every finding (default text)")
    add(
        "--ignore",
        action="append",
        default=[],
        metavar="CODE",
        help="ignore the findings of a code, or of several codes separated by commas",
    )
    add(
        "--fix",
        action="store_true",
        help="correct annotations in wrong brackets, such as [小杯]（cup）, in the YAML files themselves; everything "
        "else in them stays the same",
    )
    add("--config", metavar="F.yaml", help="settings: a file, or the name of a configuration shipped with cnlu")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override one setting, for example check.show=0",
    )
    parser.set_defaults(run=_check)


def _check(arguments: argparse.Namespace) -> int:
    from cnlu.check.check import check, exit_code, ignored_codes
    from cnlu.check.corpus import build_corpus
    from cnlu.check.report import as_json, as_lines
    from cnlu.check.scripts import opencc_is_missing
    from cnlu.config.files import find_config, load_config

    # The same file may hold the settings for training, including those of an encoder.
    config = load_config(find_config(arguments.config), arguments.overrides, encoder=True)
    ignored = ignored_codes(config.check.ignore, "check.ignore") | ignored_codes(",".join(arguments.ignore), "--ignore")
    data, test = _read(arguments, config)
    if arguments.fix:
        _fix(
            [part for part in (data, test) if part is not None],
            sys.stderr if arguments.format == "json" else sys.stdout,
        )
        data, test = _read(arguments, config)
    corpus = build_corpus(data, test, config)
    findings = check(corpus, ignored)
    code = exit_code(findings, config.check.fail_on)
    if opencc_is_missing() and not config.text.simplify and "mixed-script" not in ignored:
        print(
            _(
                "note: traditional and simplified characters are not compared because OpenCC is not installed; "
                "run pip install 'cnlu[zh]'."
            ),
            file=sys.stderr,
        )
    if arguments.format == "json":
        print(_json(as_json(findings, corpus, code)))
    else:
        for line in as_lines(findings, corpus, config.check.show):
            print(encodable(line))
    return code


def _read(arguments: argparse.Namespace, config: Config) -> tuple[NluData, NluData | None]:
    """The training data, and the test data, if any."""
    from cnlu.data.load import load_data

    data = load_data(arguments.data, keep_invalid=True, settings=config.data)
    return data, load_data(arguments.test, keep_invalid=True, settings=config.data) if arguments.test else None


def _fix(parts: list[NluData], stream: TextIO) -> None:
    from cnlu.check.fix import fix_markup

    has_lines = False
    for data in parts:
        for line in fix_markup(data):
            print(encodable(line), file=stream)
            has_lines = True
    if not has_lines:
        print(_("nothing to fix"), file=stream)


def _json(content: object) -> str:
    """JSON with readable characters if the encoding of the output can represent them, otherwise with escapes."""
    written = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    return written if encodable(written) == written else json.dumps(content, indent=1, allow_nan=False)
