"""The options of `cnlu parse` and its steps."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator

import cnlu
from cnlu.errors import CnluError, DataError, UsageError

PARSE_BATCH = 64  # lines of an input file parsed together


def add_parse(parser: argparse.ArgumentParser) -> None:
    """Describes the verb to the parser of the command line."""
    parser.description = "Parse sentences; one JSON object for each, in order."
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("text", nargs="*", metavar="TEXT", help="a sentence")
    parser.add_argument("--input", metavar="F.txt", help="a file with a sentence a line; - reads standard input")
    parser.set_defaults(run=_parse)


def _parse(arguments: argparse.Namespace) -> int:
    if bool(arguments.text) == (arguments.input is not None):
        raise UsageError("Give either sentences or --input FILE (- for standard input).")
    model = cnlu.load(arguments.model)
    for batch in _batches(arguments.text or _lines(arguments.input), 1 if arguments.input == "-" else PARSE_BATCH):
        _print_results(model.parse_batch(batch))
    return 0


def _batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """Up to `size` texts at a time; what was read before an unreadable line still comes out."""
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
    """Sentences of a file or of standard input, without their line ends; a byte order mark is not text."""
    from cnlu.io.text_files import bounded_lines

    try:
        if source == "-" and sys.stdin is None:
            raise UsageError("--input -: standard input is closed; name a file.")
        stream = sys.stdin.buffer if source == "-" else open(source, "rb")  # noqa: SIM115
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({error.strerror}); check --input.") from error
    with stream:
        for number, line in bounded_lines(stream, source):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise DataError(f"{source}:{number}: not UTF-8; convert the file, for example with iconv.") from error
            yield text.rstrip("\r\n")


def _can_encode(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
