"""The command `cnlu parse`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator

import cnlu
from cnlu.errors import CnluError, DataError, UsageError
from cnlu.i18n import _

PARSE_BATCH = 64
"""Lines of an input file that are parsed together."""


def add_parse(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `cnlu parse`."""
    parser.description = "Parse sentences and print one JSON object for each, in order."
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("text", nargs="*", metavar="TEXT", help="a sentence")
    parser.add_argument("--input", metavar="F.txt", help="a file with one sentence a line; - reads standard input")
    parser.set_defaults(run=_parse)


def _parse(arguments: argparse.Namespace) -> int:
    if bool(arguments.text) == (arguments.input is not None):
        raise UsageError(
            "--input",
            _("`cnlu parse` takes either sentences or an input file"),
            _("give one of the two, or - as the file for standard input"),
        )
    model = cnlu.load(arguments.model)
    for batch in _batches(arguments.text or _lines(arguments.input), 1 if arguments.input == "-" else PARSE_BATCH):
        _print_results(model.parse_batch(batch))
    return 0


def _batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """Batches of up to `size` texts. The texts before an unreadable line are still yielded."""
    batch: list[str] = []
    try:
        for text in texts:
            batch.append(text)
            if len(batch) == size:
                yield batch
                batch = []
    except CnluError:
        yield batch
        raise
    yield batch


def _print_results(results: list[dict[str, object]]) -> None:
    for result in results:
        line = json.dumps(result, ensure_ascii=False)
        if not _can_encode(line):  # lone surrogates, or a terminal without Chinese
            line = json.dumps(result)
        print(line, flush=True)


def _lines(source: str) -> Iterator[str]:
    """The lines of a file or of standard input, without line ends and without a byte order mark."""
    from cnlu.io.text_files import bounded_lines

    try:
        if source == "-" and sys.stdin is None:
            raise UsageError("--input -", _("standard input is closed"), _("name a file"))
        stream = sys.stdin.buffer if source == "-" else open(source, "rb")  # noqa: SIM115
    except OSError as error:
        raise DataError(source, _("cannot be read ({reason})", reason=error.strerror), _("check --input")) from error
    with stream:
        for number, line in bounded_lines(stream, source):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                fix = _("convert the file, for example with iconv")
                raise DataError(f"{source}:{number}", _("the line is not UTF-8"), fix) from error
            yield text.rstrip("\r\n")


def _can_encode(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
