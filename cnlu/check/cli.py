"""The options of `cnlu check`; what checks is imported when it runs."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, TextIO

from cnlu.io.messages import encodable

if TYPE_CHECKING:
    from cnlu.config import Config
    from cnlu.data.schema import NluData


def add_check(parser: argparse.ArgumentParser) -> None:
    """Describes the verb to the parser of the command line."""
    parser.description = (
        "Find what is wrong in examples before training. Exit code 0: clean; 1: findings; 2: something cannot be read."
    )
    add = parser.add_argument
    add("data", nargs="+", metavar="DATA")
    add("--test", action="append", default=[], metavar="DATA", help="test examples, to check beside training's")
    add("--format", choices=("text", "json"), default="text", help="json holds every finding (default text)")
    add(
        "--ignore",
        action="append",
        default=[],
        metavar="CODE",
        help="leave out findings of a code, or of several separated by commas",
    )
    add(
        "--fix",
        action="store_true",
        help="write annotations in other brackets, such as [小杯]（cup）, as they are "
        "meant, in the YAML files themselves; nothing else of them changes",
    )
    add("--config", metavar="F.yaml", help="settings; a file, or the name of a shipped one")
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
    from cnlu.check.corpus import read_corpus
    from cnlu.check.report import as_json, as_lines
    from cnlu.check.scripts import opencc_is_missing
    from cnlu.config.files import find_config, load_config

    # One file may hold the settings of training too, an encoder's included.
    config = load_config(find_config(arguments.config), arguments.overrides, encoder=True)
    ignored = ignored_codes(",".join([config.check.ignore, *arguments.ignore]))
    data, test = _read(arguments, config)
    if arguments.fix:
        _fix([one for one in (data, test) if one is not None], sys.stderr if arguments.format == "json" else sys.stdout)
        data, test = _read(arguments, config)
    corpus = read_corpus(data, test, config)
    found = check(corpus, ignored)
    code = exit_code(found, config.check.fail_on)
    if opencc_is_missing() and not config.text.simplify and "mixed-script" not in ignored:
        print(
            "note: traditional and simplified characters are not compared, for OpenCC is not installed: "
            "pip install 'cnlu[zh]'.",
            file=sys.stderr,
        )
    if arguments.format == "json":
        print(_json(as_json(found, corpus, code)))
    else:
        for line in as_lines(found, corpus, config.check.show):
            print(encodable(line))
    return code


def _read(arguments: argparse.Namespace, config: Config) -> tuple[NluData, NluData | None]:
    """The examples, and those of the test, if any."""
    from cnlu.data.load import load_data

    data = load_data(arguments.data, keep_invalid=True, settings=config.data)
    return data, load_data(arguments.test, keep_invalid=True, settings=config.data) if arguments.test else None


def _fix(parts: list[NluData], stream: TextIO) -> None:
    from cnlu.check.fix import fix_markup

    told = False
    for data in parts:
        for line in fix_markup(data):
            print(encodable(line), file=stream)
            told = True
    if not told:
        print("nothing to fix", file=stream)


def _json(content: object) -> str:
    """Readable where the output's encoding can hold it."""
    written = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    return written if encodable(written) == written else json.dumps(content, indent=1, allow_nan=False)
