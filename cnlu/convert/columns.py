"""One token a line with its tag in the last column: CoNLL, BIO, BIOES, BILOU, BMES; and folders of seq.in and seq.out.

The intent may stand in a comment `# intent: name`, or alone in the first or the last line of a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from cnlu.convert.result import Result, Span, Unusable
from cnlu.convert.source import read
from cnlu.errors import DataError
from cnlu.io.messages import shown

_TAG = re.compile(r"O|[BIESLUM]-\S+")
_COMMENT = re.compile(r"#\s*(\w+)\s*[:=]\s*(.*)")
_FOLDER = ("seq.in", "seq.out", "label")
Row = tuple[str, str]
"""A token and its tag."""


def looks_like(text: str) -> bool:
    """Whether nearly all of the first lines end with a tag."""
    lines = [line for line in text.split("\n", 400)[:400] if line.strip()]
    tagged = sum(_row(line) is not None for line in lines)
    return len(lines) > 1 and tagged * 10 >= len(lines) * 7


def read_columns(place: str, text: str, result: Result) -> None:
    """Sentences are divided by blank lines; one that makes no sense is lost alone."""
    for number, lines in _blocks(text):
        at = f"{place}:{number}"
        try:
            intent, rows = _sentence(lines, result)
            words, spans = joined(rows)
        except Unusable as why:
            result.lose(at, str(why))
            continue
        if rows:
            result.add(at, words, intent, spans)


def is_folder(folder: Path) -> bool:
    """Whether a folder, or one in it, is of JointBERT's form."""
    return any((path / name).is_file() for path in (folder, *_below(folder)) for name in _FOLDER[:1])


def read_folder(folder: Path, result: Result, encoding: str | None) -> None:
    """seq.in has a sentence a line with spaces between tokens, seq.out their tags, label the intents."""
    for path in (folder, *_below(folder)):
        if not (path / "seq.in").is_file():
            continue
        files = [read(path / name, encoding).rstrip("\n").split("\n") for name in _FOLDER]
        if len({len(lines) for lines in files}) > 1:
            counts = ", ".join(f"{name} {len(lines)}" for name, lines in zip(_FOLDER, files, strict=True))
            raise DataError(f"{path}: its files have different numbers of lines ({counts}); fetch them again.")
        for number, (tokens, tags, intent) in enumerate(zip(*files, strict=True), 1):
            at, rows = f"{path / 'seq.in'}:{number}", (tokens.split(), tags.split())
            if len(rows[0]) != len(rows[1]):
                result.lose(at, f"it has {len(rows[0])} tokens and {len(rows[1])} tags")
                continue
            try:
                words, spans = joined(list(zip(*rows, strict=True)))
            except Unusable as why:
                result.lose(at, str(why))
                continue
            result.add(at, words, intent.split("#"), spans)


def joined(rows: Sequence[Row]) -> tuple[str, list[Span]]:
    """The text of tokens and its spans. Words of Latin letters get a space between them, single characters none."""
    text, spans, open_ = "", list[Span](), False
    last = ""
    for token, tag in rows:
        if _apart(last, token):
            text += " "
        start, last = len(text), token
        text += token
        prefix, _, kind = tag.partition("-")
        if not _TAG.fullmatch(tag):
            raise Unusable(f"the tag {shown(tag)} of {shown(token)} is none of O, B-type, I-type and E, S, L, U, M")
        inside = prefix in ("I", "E", "L", "M") and open_ and spans[-1].kind == kind
        if inside:
            spans[-1] = Span(spans[-1].start, len(text), kind)
        elif prefix != "O":
            spans.append(Span(start, len(text), kind))
        open_ = prefix in ("B", "I", "M")
    return text, spans


def _apart(one: str, other: str) -> bool:
    if len(one) < 2 and len(other) < 2:  # letter by letter, as in Chinese data
        return False
    return bool(one and other) and all(ch.isascii() and ch.isalnum() for ch in (one[-1], other[0]))


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """(number of the first line, lines) of each sentence."""
    lines: list[str] = []
    for number, line in enumerate([*text.split("\n"), ""], 1):
        line = line.rstrip("\r")
        if line.strip() and not line.startswith("-DOCSTART-"):
            lines.append(line)
        elif lines:
            yield number - len(lines), lines
            lines = []


def _sentence(lines: Sequence[str], result: Result) -> tuple[str | None, list[Row]]:
    intent, rows = None, list[Row]()
    for number, line in enumerate(lines):
        if (row := _row(line)) is not None:
            rows.append(row)
        elif comment := _COMMENT.fullmatch(line.strip()):
            if comment[1].lower() == "intent":
                intent = comment[2].strip()
            else:
                result.left_out["comments"] += 1
        elif number in (0, len(lines) - 1) and len(line.split()) == 1 and intent is None:
            intent = line.strip()
        else:
            raise Unusable(f"its line {shown(line)} is no token with a tag")
    return intent, rows


def _row(line: str) -> Row | None:
    """A token, which may be a space, and its tag; None where the line has none."""
    separator = "\t" if "\t" in line else None
    columns = line.rstrip().split(separator)
    if not columns or not _TAG.fullmatch(columns[-1].strip()):
        return None
    return (columns[0] or " ") if len(columns) > 1 else " ", columns[-1].strip()
