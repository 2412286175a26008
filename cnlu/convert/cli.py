"""`cnlu convert`: its options, steps and output."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cnlu.config.needs import refuse_option
from cnlu.errors import DataError, UsageError
from cnlu.i18n import _, n_
from cnlu.io.messages import encodable

if TYPE_CHECKING:
    from cnlu.convert.result import Result

MAX_SHOWN = 50
"""Number of sentences to print about items that are not converted; the others are only counted"""


def add_convert(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    from cnlu.convert.formats import FORMATS
    from cnlu.convert.result import CHARACTERS, UTF16

    parser.description = (
        "Convert examples of another tool to Rasa's YAML or JSONL: doccano, Label Studio, BIO and CoNLL, Rasa's old "
        "JSON and Markdown, Dialogflow, LUIS, CSV and TSV. Exit code 1: some items are not converted; each is reported."
    )
    add = parser.add_argument
    add("input", metavar="IN", help="a file; for Dialogflow also a ZIP or folder, for JointBERT data a folder")
    add("--to", required=True, choices=("yaml", "jsonl"), help="what to write")
    add("--out", metavar="FILE", help="where to write it (default: standard output)")
    add("--force", action="store_true", help="replace the file at --out")
    add("--from", choices=FORMATS, dest="format", help="the format (default: detected from the content)")
    add(
        "--encoding",
        metavar="NAME",
        help="encoding of the file, such as gb18030 (default: from the byte order mark, otherwise UTF-8)",
    )
    add("--offsets", choices=(CHARACTERS, UTF16), help="unit of the offsets (default: the usual one of the format)")
    add("--text", metavar="COLUMN", help="the column (Label Studio: the key) of the texts")
    add("--intent", metavar="COLUMN", help="the column of the intents")
    parser.set_defaults(run=_convert)


def _convert(arguments: argparse.Namespace) -> int:
    from cnlu.convert.formats import ConvertOptions, convert
    from cnlu.convert.write import render, write

    out = None if arguments.out is None else Path(arguments.out)
    if out is None:
        fix = _("name the file to replace, or remove the option")
        refuse_option({"--force": arguments.force}, _("has no effect without --out"), fix)
    if out is not None and os.path.lexists(out) and not arguments.force:
        raise UsageError(out, _("the file exists"), _("choose another --out or replace the file with --force"))
    options = ConvertOptions(
        path=Path(arguments.input),
        format=arguments.format,
        encoding=arguments.encoding,
        offsets=arguments.offsets,
        text=arguments.text,
        intent=arguments.intent,
    )
    name, result = convert(options)
    for sentence in result.skipped[:MAX_SHOWN]:
        _print(sentence)
    if len(result.skipped) > MAX_SHOWN:
        _print(_("and {count} more that are not converted", count=len(result.skipped) - MAX_SHOWN))
    if not result.data.examples and not (result.data.lookups or result.data.regexes or result.data.synonyms):
        problem = _("nothing in it can be converted when it is read as {format}", format=name)
        raise DataError(arguments.input, problem, _("name another format with --from"))
    write(render(result.data, arguments.to, out), out)
    for line in _summary(arguments.input, name, result):
        _print(line)
    return 1 if result.skipped else 0


def _summary(path: str, name: str, result: Result) -> list[str]:
    counts = _(", ").join(_counts(result))
    total = _(
        "{path}: {format}; {counts}; {skipped} not converted",
        path=path,
        format=name,
        counts=counts,
        skipped=len(result.skipped),
    )
    lines = [_("note: {note}", note=note) for note in result.data.notes]
    for description, number in result.ignored.items():
        if number:
            lines.append(
                n_(
                    "note: {what}: ignored, {count} time",
                    "note: {what}: ignored, {count} times",
                    number,
                    what=description,
                )
            )
    return [*lines, total]


def _counts(result: Result) -> list[str]:
    data = result.data
    intents = len({example.intent for example in data.examples} - {None})
    kinds = [entity.entity for example in data.examples for entity in example.entities]
    types = len(set(kinds))
    patterns, table_lines = sum(map(len, data.regexes.values())), sum(map(len, data.lookups.values()))
    counts = [
        n_("{count} example", "{count} examples", len(data.examples)),
        n_("{count} intent", "{count} intents", intents),
        n_("{entities} entities of {count} type", "{entities} entities of {count} types", types, entities=len(kinds)),
    ]
    if data.synonyms:
        counts.append(n_("{count} synonym", "{count} synonyms", len(data.synonyms)))
    if patterns:
        counts.append(n_("{count} pattern", "{count} patterns", patterns))
    if table_lines:
        counts.append(n_("{count} lookup-table line", "{count} lookup-table lines", table_lines))
    return counts


def _print(line: str) -> None:
    print(encodable(line), file=sys.stderr, flush=True)
