"""CSV and TSV with a header: a column of texts and one of intents."""

from __future__ import annotations

import csv
import io

from cnlu.convert.result import Result
from cnlu.errors import DataError

TEXT = ("text", "sentence", "utterance", "query", "question", "文本", "句子", "问题", "语料", "说法", "话术")
INTENT = ("intent", "label", "class", "category", "意图", "标签", "类别", "分类", "意图名称")
_MARKS = ",\t;|"
csv.field_size_limit(1 << 24)


def looks_like(text: str) -> bool:
    """Whether the first line names a column of texts."""
    return any(_column(_cells(text, mark), None, TEXT) is not None for mark in _MARKS)


def read_table(place: str, text: str, result: Result, columns: tuple[str | None, str | None] = (None, None)) -> None:
    """`columns` are the names of those of text and intent; None: one of the usual names.

    Raises DataError where the header lacks them, or the quotes do not close.
    """
    mark = max(_MARKS, key=lambda one: len(_cells(text, one)))
    header = _cells(text, mark)
    where = [_column(header, *wanted) for wanted in zip(columns, (TEXT, INTENT), strict=True)]
    for option, found, named in zip(("--text", "--intent"), where, columns, strict=True):
        if found is None and (option == "--text" or named):
            there = ", ".join(header)
            raise DataError(
                f"{place}:1: the columns are {there}, and which has the "
                f"{option[2:]}s is not clear; name it with {option} COLUMN."
            )
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    line = 1
    try:
        for number, row in enumerate(rows):
            at, line = f"{place}:{line}", rows.line_num + 1
            if not number or not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                result.lose(at, f"it has {len(row)} columns, not {len(header)}; put a text with a {mark!r} in quotes")
                continue
            result.add(at, row[where[0] or 0], None if where[1] is None else row[where[1]])
    except csv.Error as error:
        raise DataError(f"{place}:{line}: the table cannot be read from here on ({error}); see its quotes.") from None
    if where[1] is None:
        result.left_out["rows without a column of intents (--intent names it)"] += len(result.data.examples)
    if others := [name for at, name in enumerate(header) if at not in where]:
        result.left_out[f"column{'s' if len(others) > 1 else ''} {', '.join(others)}"] += len(result.data.examples)


def _cells(text: str, mark: str) -> list[str]:
    """The header, divided at a mark."""
    first = text.lstrip("\r\n").partition("\n")[0]
    try:
        return [cell.strip() for cell in next(csv.reader([first], delimiter=mark), [])]
    except csv.Error:
        return []


def _column(header: list[str], named: str | None, usual: tuple[str, ...]) -> int | None:
    lower = [cell.lower() for cell in header]
    wanted = (named.lower(),) if named else usual
    return next((lower.index(name) for name in wanted if name in lower), None)
