"""One call that reads whatever the user names: YAML and JSON lines files, and folders of them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from cnlu.config import DataConfig
from cnlu.data.jsonl import read_jsonl
from cnlu.data.lookup_files import Reach
from cnlu.data.mistyped_markup import doubt_lookalikes
from cnlu.data.rasa_yaml import read_yaml
from cnlu.data.schema import Doubt, NluData
from cnlu.errors import DataError
from cnlu.io.limits import LONGEST_LINE
from cnlu.io.messages import shown

_YAML = (".yml", ".yaml")
_JSON = (".jsonl", ".json")
_FOREIGN = re.compile(r'"(label|labels|cats)": ?\[|"entities": ?\[(\[|\{[^}]*"start_offset")')
"""Labels in a line of JSON as doccano writes them: read as they are, all would be lost but the texts."""
_LEADING = 100
"""Lines of a .json file that may be blank before its first record."""


def load_data(
    paths: Sequence[str | Path] | str | Path, keep_refused: bool = False, settings: DataConfig | None = None
) -> NluData:
    """All that the files and folders hold, merged in the order given (folders: sorted, no hidden files).

    With `keep_refused` an example that cannot be read is no error but goes to `refused`, with all others of its
    kind; a file that cannot be read still is one. Without it the notes tell in a sentence of each kind of doubts.
    Raises DataError, one sentence, for a missing or empty file, a folder without data files, a file of
    another kind, and when no examples come together at all.
    """
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    settings = settings or DataConfig()
    data = NluData(refused=[] if keep_refused else None, bind=settings.synonyms == "by_type")
    folders = tuple(Path(path) for path in given if os.path.isdir(path))
    reach = Reach(folders, settings.files == "anywhere")
    seen: set[str] = set()
    for path in given:
        for file, by_user in _files(Path(path)):
            real = os.path.realpath(file)
            if real in seen:
                data.note(str(file), "read once, though it is named twice.")
                continue
            seen.add(real)
            if not by_user and not reach.allows(file):
                raise DataError(
                    f"{file}: is a link that leads out of the folder {path}; copy the file there, name it "
                    "too, or set data.files=anywhere."
                )
            _read(file, by_user, data, reach)
    if not data.examples and not data.refused:
        named = ", ".join(str(path) for path in given) or "no path"
        why = f" ({data.notes[0].rstrip('.')})" if data.notes else ""
        raise DataError(f"{named}: there are no examples{why}; give a file with an `nlu:` section or JSON lines.")
    doubt_lookalikes(data)
    if not keep_refused:
        _note_doubts(data)
    return data


def _note_doubts(data: NluData) -> None:
    """A note for each kind of doubt that has none yet: the first one, and how many there are."""
    kinds: dict[str, list[Doubt]] = {}
    for doubt in data.doubts:
        if not doubt.noted:
            kinds.setdefault(doubt.code, []).append(doubt)
    for first, *others in kinds.values():
        text = f"{shown(first.text)} " if first.text else ""
        count = f" ({len(others) + 1} lines are like it)" if others else ""
        data.note(first.source, f"{text}{first.problem}; {first.fix}{count}; cnlu check names every line.")


def _files(path: Path) -> Iterator[tuple[Path, bool]]:
    """The data files of a path, each with whether the user named it (rather than a folder that holds it)."""
    if not path.is_dir():
        if not path.exists():
            raise DataError(f"{path}: there is no such file or folder; check the path.")
        yield path, True
        return
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(folder, name) for name in names if not name.startswith(".")]
    found = sorted(file for file in found if file.suffix.lower() in _YAML + _JSON)
    found = [file for file in found if file.is_file() or not file.exists()]  # no pipes; a link to nowhere is told
    if not found:
        raise DataError(
            f"{path}: the folder holds no data files; put .yml, .yaml, .jsonl or .json files into it, and "
            "convert what other tools wrote, file by file, with `cnlu convert`."
        )
    for file in found:
        yield file, False


def _read(file: Path, by_user: bool, data: NluData, reach: Reach) -> None:
    suffix = file.suffix.lower()
    if suffix in _YAML:
        read_yaml(file, data, reach)
    elif suffix in _JSON:
        if suffix == ".json" and _is_other_json(file):
            if by_user:
                raise DataError(f'{file}: this is not JSON lines with a "text" in each; {_convert(file)}.')
            data.note(str(file), 'left alone, because it is not JSON lines with a "text" in each.')
            return
        if _FOREIGN.search(first := _first_line(file)) and '"intent":' not in first:
            raise DataError(f"{file}: its labels are written as another tool writes them; {_convert(file)}.")
        read_jsonl(file, data)
    else:
        raise DataError(
            f"{file}: files of this kind are not read; give .yml, .yaml, .jsonl or .json; {_convert(file)}."
        )


def _is_other_json(file: Path) -> bool:
    """Whether a .json file's first line is no example: reports and settings end in .json too."""
    first = _first_line(file)
    like = first.startswith("{") and first.endswith("}") and '"text"' in first and len(first) <= LONGEST_LINE
    return bool(first) and not like


def _first_line(file: Path) -> str:
    """The first line that is not blank, as far as a record reaches."""
    with file.open("rb") as stream:
        lines = (stream.readline(4 * LONGEST_LINE).decode("utf-8-sig", "replace") for _ in range(_LEADING))
        return next((line.strip() for line in lines if line.strip()), "")


def _convert(file: Path) -> str:
    return f"where another tool wrote it, convert it: cnlu convert {shlex.quote(str(file))} --to yaml"
