"""`cnlu check --fix`: correcting annotations with wrong brackets in the YAML files themselves."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from cnlu.data.rasa_yaml import read_yaml_text
from cnlu.data.schema import Example, MistypedMarkup, NluData
from cnlu.errors import DataError
from cnlu.i18n import _
from cnlu.io.messages import shown
from cnlu.io.text_files import read_text, write_bytes

_LINES = re.compile("(\r\n|\r|\n)")


def fix_markup(data: NluData) -> Iterator[str]:
    """Correct each file that has mistyped markup, atomically, and yield one line for each change.

    Everything else in a file stays the same, byte for byte. If a change would affect other content, the file is left
    unchanged and a line says so. Raises DataError and CnluError for a file that cannot be read or written.
    """
    by_file: dict[str, list[MistypedMarkup]] = defaultdict(list)
    for markup in data.mistyped_markup:
        if markup.correction:
            by_file[markup.source.rpartition(":")[0]].append(markup)
    for file, markups in by_file.items():
        yield from _fix_file(file, markups, data)


def _fix_file(file: str, markups: list[MistypedMarkup], data: NluData) -> Iterator[str]:
    bom = b"\xef\xbb\xbf" if Path(file).read_bytes().startswith(b"\xef\xbb\xbf") else b""
    old = read_text(Path(file))
    parts = _LINES.split(old)  # every second element is a line break
    corrected: list[MistypedMarkup] = []
    for markup in markups:
        at = 2 * (int(markup.source.rpartition(":")[2]) - 1)
        line = parts[at] if at < len(parts) else ""
        fixed = line.replace(markup.written, markup.correction, 1)
        if fixed != line and _is_safe(line, markup.written):
            parts[at] = fixed
            corrected.append(markup)
        else:
            yield _(
                "not fixed {place}: {written} is written differently there, or begins the text; write {correction} by "
                "hand",
                place=markup.source,
                written=shown(markup.written),
                correction=shown(markup.correction),
            )
    if not corrected:
        return
    new = "".join(parts)
    if not _is_same_except(old, new, {markup.source for markup in corrected}, file, data.synonyms_by_type):
        yield _("not fixed {file}: other content would be read differently; correct the lines by hand", file=file)
        return
    write_bytes(Path(file), bom + new.encode())
    for markup in corrected:
        yield _(
            "fixed {place}: {written} is now {correction}",
            place=markup.source,
            written=shown(markup.written),
            correction=shown(markup.correction),
        )


def _is_safe(line: str, written: str) -> bool:
    """Whether YAML reads corrected brackets as text: a plain scalar must not begin with one."""
    return re.search(r"text:\s*$", line[: line.index(written)]) is None


def _is_same_except(old: str, new: str, sources: set[str], file: str, synonyms_by_type: bool) -> bool:
    """Whether both texts of a file are read the same, except for the entities of the examples on these lines."""
    before, after = (NluData(invalid=[], synonyms_by_type=synonyms_by_type) for _ in range(2))
    try:
        read_yaml_text(old, file, before)
        read_yaml_text(new, file, after)
    except DataError:
        return False
    same_dictionaries = (before.synonyms, before.regexes, before.lookups) == (
        after.synonyms,
        after.regexes,
        after.lookups,
    )
    return (
        same_dictionaries
        and len(before.examples) == len(after.examples)
        and all(
            _differs_in_entities(first, second) if first.source in sources else first == second
            for first, second in zip(before.examples, after.examples, strict=True)
        )
    )


def _differs_in_entities(first: Example, second: Example) -> bool:
    return (first.source, first.intent, first.metadata) == (
        second.source,
        second.intent,
        second.metadata,
    ) and first.entities != second.entities
