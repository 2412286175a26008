"""Lookup tables in separate files: finds the file, checks that it may be read, and reads it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cnlu.data.limits import LONGEST_TEXT
from cnlu.data.schema import NluData
from cnlu.errors import DataError
from cnlu.i18n import _
from cnlu.io.messages import shown
from cnlu.io.text_files import read_text

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_TABLES = (".txt", *_SEPARATORS)
_OTHERS = (
    ".json",
    ".jsonl",
    ".xlsx",
    ".xls",
    ".ods",
    ".yml",
    ".yaml",
    ".dat",
    ".lst",
    ".dic",
    ".dict",
    ".md",
    ".gz",
    ".xz",
    ".zip",
    ".parquet",
)
"""Suffixes of files that often hold lists but are not read as tables."""


@dataclass(frozen=True)
class AllowedFolders:
    """Folders that the files of lookup tables may be in."""

    folders: tuple[Path, ...] = ()
    """Folders that the user named; the folder of the YAML file is always allowed."""
    anywhere: bool = False

    def contains(self, file: Path, yaml: Path | None = None) -> bool:
        """Whether the file, links resolved, is in the folder of the YAML file or in one that the user named."""
        real = file.resolve()
        folders = self.folders if yaml is None else (yaml.parent, *self.folders)
        return self.anywhere or any(real.is_relative_to(folder.resolve()) for folder in folders)


OWN_FOLDER = AllowedFolders()
"""The folder of the YAML file only"""


def is_table(name: str) -> bool:
    """Whether a text looks like the name of a file that can be read as a table."""
    return name.lower().endswith(_TABLES) and "\n" not in name


def find_table(file_name: str, name: str, place: str, yaml: Path, allowed: AllowedFolders) -> Path:
    """The file `file_name` that the lookup table `name` of the file `yaml` has instead of entries.

    Searched for in the folder of the YAML file and in the working directory, as in Rasa. Raises DataError if it does
    not exist or is outside the `allowed` folders.
    """
    files = [file for file in (yaml.parent / file_name, Path(file_name)) if _is_file(file)]
    for file in files:
        if allowed.contains(file, yaml):
            return file
    if files:
        problem = _(
            "the lookup table {name} names the file {file}, which is outside the folder of the data",
            name=shown(name),
            file=shown(file_name)[1:-1],
        )
        fix = _("move it there, name a folder that holds both, or set data.files=anywhere")
        raise DataError(place, problem, fix)
    problem = _(
        "the lookup table {name} names the file {file}, which does not exist",
        name=shown(name),
        file=shown(file_name)[1:-1],
    )
    fix = _("put it beside the YAML file, write its path relative to that file, or write the entries inline")
    raise DataError(place, problem, fix)


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except (OSError, ValueError):  # not a valid file name
        return False


def report_file_entries(entries: Sequence[tuple[int, str]], name: str, place: str, yaml: Path, data: NluData) -> None:
    """Add an issue for every entry that is the name of a file which is not read as a table."""
    for line, entry in entries:
        lower_case = entry.lower()
        is_only_entry = len(entries) == 1 and lower_case.endswith(_OTHERS)
        is_in_list = len(entries) > 1 and lower_case.endswith((*_TABLES, *_OTHERS))
        if is_only_entry or (is_in_list and ("/" in entry or "\\" in entry or _is_file(yaml.parent / entry))):
            problem = _(
                "is an entry of the lookup table {name} but looks like a file, which is not read", name=shown(name)
            )
            data.add_issue("unread-table", f"{place}:{line}", entry, problem, _fix_for_file(entry, name))


def _fix_for_file(entry: str, name: str) -> str:
    if entry.lower().endswith(_TABLES):
        return _(
            "give each file its own section `- lookup: {name}`, with `examples: {file}`",
            name=shown(name)[1:-1],
            file=entry,
        )
    return _("give a file as `examples: cities.txt` (one entry per line), .csv or .tsv")


def read_table(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells of every row: a value and, in a .csv or .tsv file, its synonyms.

    A first row `value` or `value,synonym...` is a header. Raises DataError for a file that cannot be read.
    """
    text = read_text(file)
    separator = _SEPARATORS.get(file.suffix.lower())
    if separator is None:
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield number, [line.strip()]
        return
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    first, number = True, 1
    try:
        for row in rows:
            cells = [cell.strip() for cell in row]
            if max(map(len, cells), default=0) > LONGEST_TEXT:
                raise csv.Error(_("a field has more than {most:,} characters", most=LONGEST_TEXT))
            if cells and cells[0] and not (first and _is_header(cells)):
                yield number, [cell for cell in cells if cell]
            first, number = first and not any(cells), rows.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{file}:{number}", _("this row cannot be read ({reason})", reason=error), _("correct it")
        ) from None


def _is_header(cells: list[str]) -> bool:
    names = [cell.lower() for cell in cells if cell]
    return names[0] == "value" and all(name.startswith("synonym") for name in names[1:])
