"""Lookup tables that stand in a file of their own: which file is meant, whether it may be read, what it holds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cnlu.data.limits import LONGEST_TEXT
from cnlu.data.schema import NluData
from cnlu.errors import DataError
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
"""Endings of files that people keep lists in, and that are not read as tables."""
_GIVE = "`examples: cities.txt` (an entry a line), .csv or .tsv"


@dataclass(frozen=True)
class Reach:
    """Where the files of lookup tables may lie."""

    folders: tuple[Path, ...] = ()
    """What the user named; the folder of the YAML file is always one of them."""
    anywhere: bool = False

    def allows(self, file: Path, yaml: Path | None = None) -> bool:
        """Whether the file, links followed, lies in the folder of the YAML file, if any, or in one of the user's."""
        real = file.resolve()
        folders = self.folders if yaml is None else (yaml.parent, *self.folders)
        return self.anywhere or any(real.is_relative_to(folder.resolve()) for folder in folders)


BESIDE = Reach()
"""In the folder of the YAML file alone"""


def is_table(name: str) -> bool:
    """Whether a text reads as the name of a file that can be read as a table."""
    return name.lower().endswith(_TABLES) and "\n" not in name


def find_table(named: str, name: str, place: str, yaml: Path, reach: Reach) -> Path:
    """The file that the lookup table `name` of the file `yaml` names instead of entries.

    It is looked for beside the YAML file and in the working directory, where Rasa looks. Raises DataError where it is
    not there, or lies where `reach` does not allow.
    """
    there = [file for file in (yaml.parent / named, Path(named)) if _is_file(file)]
    for file in there:
        if reach.allows(file, yaml):
            return file
    if there:
        raise DataError(
            f"{place}: the lookup table {shown(name)} names the file {shown(named)[1:-1]}, which lies "
            f"outside the data's folder; move it there, name a folder that holds both, or set "
            f"data.files=anywhere."
        )
    raise DataError(
        f"{place}: the lookup table {shown(name)} names the file {shown(named)[1:-1]}, which is not there; "
        "put it beside the YAML file, write its path from there, or write the entries inline."
    )


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def doubt_entries(entries: Sequence[tuple[int, str]], name: str, place: str, yaml: Path, data: NluData) -> None:
    """Doubts entries that are names of files which were not read as tables."""
    for line, entry in entries:
        low = entry.lower()
        alone = len(entries) == 1 and low.endswith(_OTHERS)
        listed = len(entries) > 1 and low.endswith((*_TABLES, *_OTHERS))
        if alone or (listed and ("/" in entry or "\\" in entry or _is_file(yaml.parent / entry))):
            fix = f"give a file as {_GIVE}"
            if low.endswith(_TABLES):
                fix = f"give each file a section `- lookup: {shown(name)[1:-1]}` of its own, with `examples: {entry}`"
            said = f"is an entry of the lookup table {shown(name)}, but looks like a file that was not read"
            data.doubt("unread-table", f"{place}:{line}", entry, said, fix)


def read_table(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Line and cells of every row: a value, and behind it, in a .csv or .tsv file, its synonyms.

    A first row `value` or `value,synonym...` is a head. Raises DataError for a file that cannot be read.
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
                raise csv.Error(f"a field has more than {LONGEST_TEXT:,} characters")
            if cells and cells[0] and not (first and _is_head(cells)):
                yield number, [cell for cell in cells if cell]
            first, number = first and not any(cells), rows.line_num + 1
    except csv.Error as error:
        raise DataError(f"{file}:{number}: this row cannot be read ({error}); correct it.") from None


def _is_head(cells: list[str]) -> bool:
    names = [cell.lower() for cell in cells if cell]
    return names[0] == "value" and all(name.startswith("synonym") for name in names[1:])
