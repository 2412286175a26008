"""Reads one token per line with its tag in the last column (CoNLL, BIO, BIOES, BILOU, BMES), and folders of seq.in and
seq.out.

The intent may be in a comment `# intent: name`, or alone on the first or last line of a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from cnlu.convert.result import NotConvertibleError, Result, Span
from cnlu.convert.source import read
from cnlu.errors import DataError
from cnlu.i18n import _
from cnlu.io.messages import shown

_TAG = re.compile(r"O|[BIESLUM]-\S+")
_COMMENT = re.compile(r"#\s*(\w+)\s*[:=]\s*(.*)")
_FOLDER = ("seq.in", "seq.out", "label")
Row = tuple[str, str]
"""A token and its tag"""


def matches(text: str) -> bool:
    """Whether most of the first lines end with a tag."""
    lines = [line for line in text.split("\n", 400)[:400] if line.strip()]
    tagged = sum(_row(line) is not None for line in lines)
    return len(lines) > 1 and tagged * 10 >= len(lines) * 7


def read_columns(place: str, text: str, result: Result) -> None:
    """Read sentences separated by blank lines; an invalid sentence is skipped."""
    for number, lines in _blocks(text):
        at = f"{place}:{number}"
        try:
            intent, rows = _sentence(lines, result)
            words, spans = join_tokens(rows)
        except NotConvertibleError as error:
            result.skip(at, str(error))
            continue
        if rows:
            result.add(at, words, intent, spans)


def is_folder(folder: Path) -> bool:
    """Whether a folder, or a folder in it, has JointBERT's format."""
    return any((path / name).is_file() for path in (folder, *_subfolders(folder)) for name in _FOLDER[:1])


def read_folder(folder: Path, result: Result, encoding: str | None) -> None:
    """Read seq.in (one sentence per line, spaces between tokens), seq.out (their tags) and label (the intents)."""
    for path in (folder, *_subfolders(folder)):
        if not (path / "seq.in").is_file():
            continue
        files = [read(path / name, encoding).rstrip("\n").split("\n") for name in _FOLDER]
        if len({len(lines) for lines in files}) > 1:
            counts = ", ".join(f"{name} {len(lines)}" for name, lines in zip(_FOLDER, files, strict=True))
            problem = _("its files have different numbers of lines ({counts})", counts=counts)
            raise DataError(path, problem, _("fetch them again"))
        for number, (tokens, tags, intent) in enumerate(zip(*files, strict=True), 1):
            at, rows = f"{path / 'seq.in'}:{number}", (tokens.split(), tags.split())
            if len(rows[0]) != len(rows[1]):
                problem = _("it has {tokens} tokens and {tags} tags", tokens=len(rows[0]), tags=len(rows[1]))
                result.skip(at, problem)
                continue
            try:
                words, spans = join_tokens(list(zip(*rows, strict=True)))
            except NotConvertibleError as error:
                result.skip(at, str(error))
                continue
            result.add(at, words, intent.split("#"), spans)


def join_tokens(rows: Sequence[Row]) -> tuple[str, list[Span]]:
    """The text of the tokens and its spans; Latin words are separated by a space, single characters are not."""
    text, spans, open_ = "", list[Span](), False
    last = ""
    for token, tag in rows:
        if _needs_space(last, token):
            text += " "
        start, last = len(text), token
        text += token
        prefix, _dash, kind = tag.partition("-")
        if not _TAG.fullmatch(tag):
            raise NotConvertibleError(
                _(
                    "the tag {tag} of {token} is not O or one of B, I, E, S, L, U, M with a type",
                    tag=shown(tag),
                    token=shown(token),
                )
            )
        inside = prefix in ("I", "E", "L", "M") and open_ and spans[-1].kind == kind
        if inside:
            spans[-1] = Span(spans[-1].start, len(text), kind)
        elif prefix != "O":
            spans.append(Span(start, len(text), kind))
        open_ = prefix in ("B", "I", "M")
    return text, spans


def _needs_space(left: str, right: str) -> bool:
    if len(left) < 2 and len(right) < 2:  # character by character, as in Chinese data
        return False
    return bool(left and right) and all(ch.isascii() and ch.isalnum() for ch in (left[-1], right[0]))


def _subfolders(folder: Path) -> list[Path]:
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
                result.ignored[_("comments")] += 1
        elif number in (0, len(lines) - 1) and len(line.split()) == 1 and intent is None:
            intent = line.strip()
        else:
            raise NotConvertibleError(_("its line {line} is not a token with a tag", line=shown(line)))
    return intent, rows


def _row(line: str) -> Row | None:
    """A token, which may be a space, and its tag; None if the line has no tag."""
    separator = "\t" if "\t" in line else None
    columns = line.rstrip().split(separator)
    if not columns or not _TAG.fullmatch(columns[-1].strip()):
        return None
    return (columns[0] or " ") if len(columns) > 1 else " ", columns[-1].strip()
