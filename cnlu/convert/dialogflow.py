"""Reads an agent of Dialogflow ES: a ZIP, a folder, or one of its files `NAME_usersays_LANGUAGE.json`.

A sentence is a list of pieces; `meta` (@city, @sys.date) is the entity type, and the parameter's name in `alias` is the
role if it differs.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from cnlu.convert.result import Result, Span
from cnlu.convert.source import MAX_BYTES, Located, decoded, objects, parse_json, read
from cnlu.errors import DataError
from cnlu.i18n import _

_USERSAYS, _ENTRIES = "_usersays_", "_entries_"
Files = Mapping[str, str]
"""Names of files in the agent, and their texts"""


def matches(content: object) -> bool:
    """Whether the JSON is a list of sentences in pieces."""
    first = content[0] if isinstance(content, list) and content else None
    pieces = first.get("data") if isinstance(first, dict) else None
    return isinstance(pieces, list) and all(isinstance(piece, dict) and "text" in piece for piece in pieces)


def is_agent(path: Path) -> bool:
    """Whether a folder or a ZIP contains the sentences of an agent."""
    return any(_USERSAYS in name for name in _names(path))


def read_agent(path: Path, result: Result, encoding: str | None) -> None:
    """Read an agent; if it has Chinese and other languages, only Chinese. Raises DataError for damaged files."""
    files = dict(_contents(path, encoding))
    languages = {_language(name, _USERSAYS) for name in files if _USERSAYS in name}
    chinese = {language for language in languages if language.startswith("zh")}
    for name, text in sorted(files.items()):
        if _language(name, _USERSAYS) in (chinese or languages):
            read_usersays(f"{path}/{name}", text, result, _name(files, name, _USERSAYS))
        elif _USERSAYS in name:
            others = objects(parse_json(text, f"{path}/{name}"))
            result.ignored[_("sentences in {language}", language=_language(name, _USERSAYS))] += len(others)
        elif _language(name, _ENTRIES) in (chinese or languages):
            table, metadata = _name(files, name, _ENTRIES), _metadata(files, name, _ENTRIES)
            _read_entries(f"{path}/{name}", text, result, table, metadata)


def read_usersays(place: str, text: str, result: Result, intent: str | None = None) -> None:
    """Read the sentences of one intent; without a name for it, the file name is used."""
    intent = intent or PurePosixPath(place).name.partition(_USERSAYS)[0]
    for sentence in objects(parse_json(text, place)):
        at, words, spans = f"{place}:{sentence.line}", "", list[Span]()
        if sentence.get("isTemplate"):
            result.skip(at, _("it is a template, not a sentence"))
            continue
        for piece in objects(sentence.get("data")):
            start = len(words)
            words += str(piece.get("text") or "")
            if span := _span(piece, start, len(words)):
                spans.append(span)
        result.add(at, words, intent, spans)


def _span(piece: Located, start: int, end: int) -> Span | None:
    kind = str(piece.get("meta") or "").removeprefix("@").removeprefix("sys.")
    alias = str(piece.get("alias") or "")
    if not (kind or alias) or kind == "ignore" or start == end:
        return None
    return Span(start, end, kind or alias, role=alias if kind and alias != kind else None)


def _read_entries(place: str, text: str, result: Result, name: str, metadata: Any) -> None:
    for entry in objects(parse_json(text, place)):
        at, value = f"{place}:{entry.line}", entry.get("value")
        if isinstance(metadata, dict) and metadata.get("isRegexp"):
            result.add_entry(at, result.data.regexes, name, value)
            continue
        for surface in dict.fromkeys([value, *(entry.get("synonyms") or [])]):
            result.add_entry(at, result.data.lookups, name, surface)
            result.add_synonym(at, surface, value)


def _name(files: Files, name: str, infix: str) -> str:
    metadata = _metadata(files, name, infix)
    title = metadata.get("name") if isinstance(metadata, dict) else None
    return title if isinstance(title, str) and title.strip() else PurePosixPath(name).name.partition(infix)[0]


def _metadata(files: Files, name: str, infix: str) -> Any:
    file = name.partition(infix)[0] + ".json"
    return parse_json(files[file], file) if file in files else None


def _language(name: str, infix: str) -> str:
    return name.rpartition(infix)[2].removesuffix(".json") if infix in name else "-"


def _names(path: Path) -> list[str]:
    if path.is_dir():
        return [file.relative_to(path).as_posix() for file in sorted(path.rglob("*.json"))]
    with zipfile.ZipFile(path) as archive:
        return [name for name in archive.namelist() if name.endswith(".json")]


def _contents(path: Path, encoding: str | None) -> Iterator[tuple[str, str]]:
    if path.is_dir():
        yield from ((name, read(path / name, encoding)) for name in _names(path))
        return
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > MAX_BYTES:
                problem = _("the ZIP holds more than {size} MB, unpacked", size=MAX_BYTES >> 20)
                raise DataError(path, problem, _("convert file by file"))
            for name in _names(path):
                yield name, decoded(archive.read(name), f"{path}/{name}", encoding)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        problem = _("the ZIP cannot be read ({reason})", reason=error)
        raise DataError(path, problem, _("export it again")) from None
