"""Reads CSV and TSV with a header: a column of texts and one of intents."""

from __future__ import annotations

import csv
import io

from cnlu.convert.result import Result
from cnlu.errors import DataError
from cnlu.i18n import _, n_

TEXT = ("text", "sentence", "utterance", "query", "question", "文本", "句子", "问题", "语料", "说法", "话术")
INTENT = ("intent", "label", "class", "category", "意图", "标签", "类别", "分类", "意图名称")
_DELIMITERS = ",\t;|"
csv.field_size_limit(1 << 24)


def matches(text: str) -> bool:
    """Whether the first line names a column of texts."""
    return any(_column(_cells(text, delimiter), None, TEXT) is not None for delimiter in _DELIMITERS)


def read_table(place: str, text: str, result: Result, columns: tuple[str | None, str | None] = (None, None)) -> None:
    """Read a table; `columns` are the names of the text and the intent column. None: one of the usual names.

    Raises DataError if the header lacks a column or the quotes are not closed.
    """
    delimiter = max(_DELIMITERS, key=lambda character: len(_cells(text, character)))
    header = _cells(text, delimiter)
    text_column, intent_column = _find_columns(place, header, columns)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for number, row in enumerate(rows):
            at, line = f"{place}:{line}", rows.line_num + 1
            if not number or not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                result.skip(at, _wrong_width(len(row), len(header), delimiter))
                continue
            result.add(at, row[text_column], None if intent_column is None else row[intent_column])
    except csv.Error as error:
        problem = _("the table cannot be read from this line on ({reason})", reason=error)
        raise DataError(f"{place}:{line}", problem, _("check its quotes")) from None
    if intent_column is None:
        result.ignored[_("rows without a column of intents (name it with --intent)")] += len(result.data.examples)
    if others := [name for at, name in enumerate(header) if at not in (text_column, intent_column)]:
        names = ", ".join(others)
        ignored_columns = n_("column {columns}", "columns {columns}", len(others), columns=names)
        result.ignored[ignored_columns] += len(result.data.examples)


def _find_columns(place: str, header: list[str], columns: tuple[str | None, str | None]) -> tuple[int, int | None]:
    text_column, intent_column = (_column(header, *names) for names in zip(columns, (TEXT, INTENT), strict=True))
    if text_column is None:
        problem = _("it is not clear which of the columns {columns} has the texts", columns=", ".join(header))
        raise DataError(f"{place}:1", problem, _("name it with --text COLUMN"))
    if intent_column is None and columns[1]:
        problem = _("it is not clear which of the columns {columns} has the intents", columns=", ".join(header))
        raise DataError(f"{place}:1", problem, _("name it with --intent COLUMN"))
    return text_column, intent_column


def _wrong_width(count: int, expected: int, delimiter: str) -> str:
    return _(
        "it has {count} columns instead of {expected}; put a text that contains {delimiter} in quotes",
        count=count,
        expected=expected,
        delimiter=repr(delimiter),
    )


def _cells(text: str, delimiter: str) -> list[str]:
    """The cells of the header, for a delimiter."""
    first = text.lstrip("\r\n").partition("\n")[0]
    try:
        return [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _column(header: list[str], column_name: str | None, usual: tuple[str, ...]) -> int | None:
    lower = [cell.lower() for cell in header]
    names = (column_name.lower(),) if column_name else usual
    return next((lower.index(name) for name in names if name in lower), None)
