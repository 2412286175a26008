"""`cnlu convert`: the options, the order of its steps, what it prints."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cnlu.config.needs import refuse_option
from cnlu.errors import DataError, UsageError
from cnlu.i18n import _
from cnlu.io.messages import encodable

if TYPE_CHECKING:
    from cnlu.convert.result import Result

SHOWN = 50
"""Most sentences about what was not converted; the rest is counted."""


def add_convert(parser: argparse.ArgumentParser) -> None:
    """Describes the verb to the parser of the command line."""
    from cnlu.convert.formats import FORMATS
    from cnlu.convert.result import CHARACTERS, UTF16

    parser.description = (
        "Turn examples of another tool into Rasa's YAML or JSONL: doccano, Label Studio, BIO and CoNLL, Rasa's old "
        "JSON and Markdown, Dialogflow, LUIS, CSV and TSV. Exit code 1: something was not converted, and is named."
    )
    add = parser.add_argument
    add("input", metavar="IN", help="a file; of Dialogflow a ZIP or folder too, of JointBERT's data a folder")
    add("--to", required=True, choices=("yaml", "jsonl"), help="what to write")
    add("--out", metavar="FILE", help="where to write it (default: standard output)")
    add("--force", action="store_true", help="replace the file at --out")
    add("--from", choices=FORMATS, dest="format", help="the format (default: told by the content)")
    add("--encoding", metavar="NAME", help="of the file, such as gb18030 (default: UTF-8 or by its byte order mark)")
    add("--offsets", choices=(CHARACTERS, UTF16), help="how offsets count (default: as is usual in the format)")
    add("--text", metavar="COLUMN", help="the column, or Label Studio's key, of the texts")
    add("--intent", metavar="COLUMN", help="the column of the intents")
    parser.set_defaults(run=_convert)


def _convert(arguments: argparse.Namespace) -> int:
    from cnlu.convert.formats import Asked, convert
    from cnlu.convert.write import rendered, write

    out = None if arguments.out is None else Path(arguments.out)
    if out is None:
        fix = _("name the file to replace, or leave it out")
        refuse_option({"--force": arguments.force}, _("has no effect without --out"), fix)
    if out is not None and os.path.lexists(out) and not arguments.force:
        raise UsageError(f"{out}: exists already; choose another --out or replace the file with --force.")
    asked = Asked(
        Path(arguments.input), arguments.format, arguments.encoding, arguments.offsets, arguments.text, arguments.intent
    )
    name, result = convert(asked)
    for sentence in result.lost[:SHOWN]:
        _say(sentence)
    if len(result.lost) > SHOWN:
        _say(f"and {len(result.lost) - SHOWN} more that were not converted")
    if not result.data.examples and not (result.data.lookups or result.data.regexes or result.data.synonyms):
        raise DataError(f"{arguments.input}: read as {name}, and nothing in it can be converted; see --from.")
    write(rendered(result.data, arguments.to, out), out)
    for line in _summary(arguments.input, name, result):
        _say(line)
    return 1 if result.lost else 0


def _summary(given: str, name: str, result: Result) -> list[str]:
    data = result.data
    intents = {example.intent for example in data.examples} - {None}
    kinds = [entity.entity for example in data.examples for entity in example.entities]
    parts = [
        _count(len(data.examples), "example"),
        _count(len(intents), "intent"),
        f"{len(kinds)} entities of {_count(len(set(kinds)), 'type')}",
    ]
    parts += [
        _count(number, what)
        for number, what in (
            (len(data.synonyms), "synonym"),
            (sum(map(len, data.regexes.values())), "pattern"),
            (sum(map(len, data.lookups.values())), "lookup-table line"),
        )
        if number
    ]
    lines = [f"note: {note}" for note in data.notes]
    lines += [f"note: {what}: left out, {_count(number, 'time')}" for what, number in result.left_out.items() if number]
    return [*lines, f"{given}: {name}; {', '.join(parts)}; {len(result.lost)} not converted"]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _say(line: str) -> None:
    print(encodable(line), file=sys.stderr, flush=True)
