"""Reads all files and folders that the user names: YAML and JSON lines."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from cnlu.config import DataConfig
from cnlu.data.jsonl import read_jsonl
from cnlu.data.lookup_files import AllowedFolders
from cnlu.data.mistyped_markup import report_mistyped_markup
from cnlu.data.rasa_yaml import read_yaml
from cnlu.data.schema import Issue, NluData
from cnlu.errors import DataError
from cnlu.i18n import _, n_
from cnlu.io.limits import LONGEST_LINE
from cnlu.io.messages import shown

_YAML = (".yml", ".yaml")
_JSON = (".jsonl", ".json")
_OTHER_TOOL = re.compile(r'"(label|labels|cats)": ?\[|"entities": ?\[(\[|\{[^}]*"start_offset")')
"""Labels in a line of JSON as doccano writes them; `read_jsonl` would only keep the texts"""
_MAX_BLANK_LINES = 100
"""Number of lines of a .json file that may be blank before its first record"""


def load_data(
    paths: Sequence[str | Path] | str | Path, keep_invalid: bool = False, settings: DataConfig | None = None
) -> NluData:
    """Read files and folders and merge them in this order (the files of a folder sorted, without hidden ones).

    With `keep_invalid`, examples that cannot be read are collected in `NluData.invalid` instead of raising an error,
    and issues are not summarized in notes. Raises DataError for a missing or empty file, a folder without data files,
    a file of another format, and if there are no examples at all.
    """
    path_list = [paths] if isinstance(paths, (str, Path)) else list(paths)
    settings = settings or DataConfig()
    data = NluData(invalid=[] if keep_invalid else None, synonyms_by_type=settings.synonyms == "by_type")
    folders = tuple(Path(path) for path in path_list if os.path.isdir(path))
    allowed = AllowedFolders(folders, settings.files == "anywhere")
    seen: set[str] = set()
    for path in path_list:
        for file, by_user in _files(Path(path)):
            real = os.path.realpath(file)
            if real in seen:
                data.note(str(file), _("the file is named twice and read once"))
                continue
            seen.add(real)
            if not by_user and not allowed.contains(file):
                problem = _("the file is a link that leads out of the folder {folder}", folder=path)
                fix = _("copy the file there, name it too, or set data.files=anywhere")
                raise DataError(file, problem, fix)
            _read(file, by_user, data, allowed)
    if not data.examples and not data.invalid:
        _raise_no_examples(path_list, data)
    report_mistyped_markup(data)
    if not keep_invalid:
        _note_issues(data)
    return data


def _raise_no_examples(path_list: Sequence[str | Path], data: NluData) -> NoReturn:
    place = ", ".join(str(path) for path in path_list)
    if not path_list:
        problem = _("no path is given")
    elif data.notes:
        problem = _("there are no examples ({note})", note=data.notes[0].rstrip("."))
    else:
        problem = _("there are no examples")
    raise DataError(place, problem, _("give a file with an `nlu:` section or JSON lines"))


def _note_issues(data: NluData) -> None:
    """Add a note for each code whose issues have no note yet: the first issue, and the number of issues."""
    by_code: dict[str, list[Issue]] = {}
    for issue in data.issues:
        if not issue.noted:
            by_code.setdefault(issue.code, []).append(issue)
    for issues in by_code.values():
        first = issues[0]
        problem = f"{shown(first.text)} {first.problem}" if first.text else first.problem
        fix = n_(
            "{fix}; cnlu check names every line",
            "{fix} ({count} lines are like it); cnlu check names every line",
            len(issues),
            fix=first.fix,
        )
        data.note(first.source, problem, fix)


def _files(path: Path) -> Iterator[tuple[Path, bool]]:
    """Yield the data files of a path, each with whether the user named the file itself rather than its folder."""
    if not path.is_dir():
        if not path.exists():
            raise DataError(path, _("there is no such file or folder"), _("check the path"))
        yield path, True
        return
    files: list[Path] = []
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(folder, name) for name in names if not name.startswith(".")]
    files = sorted(file for file in files if file.suffix.lower() in _YAML + _JSON)
    # Leaves out pipes, but not broken links: reading one raises an error.
    files = [file for file in files if file.is_file() or not file.exists()]
    if not files:
        fix = _(
            "put .yml, .yaml, .jsonl or .json files into it, and convert files of other tools one by one with "
            "`cnlu convert`"
        )
        raise DataError(path, _("the folder holds no data files"), fix)
    for file in files:
        yield file, False


def _read(file: Path, by_user: bool, data: NluData, allowed: AllowedFolders) -> None:
    suffix = file.suffix.lower()
    if suffix in _YAML:
        read_yaml(file, data, allowed)
    elif suffix in _JSON:
        if suffix == ".json" and _is_other_json(file):
            if by_user:
                raise DataError(file, _('this is not JSON lines with a "text" in each'), _fix_convert(file))
            data.note(str(file), _('the file is ignored because it is not JSON lines with a "text" in each'))
            return
        if _OTHER_TOOL.search(first := _first_line(file)) and '"intent":' not in first:
            raise DataError(file, _("its labels have the format of another tool"), _fix_convert(file))
        read_jsonl(file, data)
    else:
        fix = _("give .yml, .yaml, .jsonl or .json; {convert}", convert=_fix_convert(file))
        raise DataError(file, _("files of this type are not read"), fix)


def _is_other_json(file: Path) -> bool:
    """Whether a .json file's first line is not an example: reports and settings are .json files too."""
    first = _first_line(file)
    is_record = first.startswith("{") and first.endswith("}") and '"text"' in first and len(first) <= LONGEST_LINE
    return bool(first) and not is_record


def _first_line(file: Path) -> str:
    """The first line that is not blank, cut at the length of the longest record."""
    with file.open("rb") as stream:
        lines = (stream.readline(4 * LONGEST_LINE).decode("utf-8-sig", "replace") for _ in range(_MAX_BLANK_LINES))
        return next((line.strip() for line in lines if line.strip()), "")


def _fix_convert(file: Path) -> str:
    return _("if another tool wrote it, run: cnlu convert {file} --to yaml", file=shlex.quote(str(file)))
