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
    for one in data.mistyped_markup:
        if one.correction:
            by_file[one.source.rpartition(":")[0]].append(one)
    for file, found in by_file.items():
        yield from _fix_file(file, found, data)


def _fix_file(file: str, found: list[MistypedMarkup], data: NluData) -> Iterator[str]:
    mark = b"\xef\xbb\xbf" if Path(file).read_bytes().startswith(b"\xef\xbb\xbf") else b""
    old = read_text(Path(file))
    parts = _LINES.split(old)  # every second element is a line break
    done: list[MistypedMarkup] = []
    for one in found:
        at = 2 * (int(one.source.rpartition(":")[2]) - 1)
        line = parts[at] if at < len(parts) else ""
        fixed = line.replace(one.written, one.correction, 1)
        if fixed != line and _is_safe(line, one.written):
            parts[at] = fixed
            done.append(one)
        else:
            yield _(
                "not fixed {place}: {written} is written differently there, or begins the text; write {correction} by "
                "hand",
                place=one.source,
                written=shown(one.written),
                correction=shown(one.correction),
            )
    if not done:
        return
    new = "".join(parts)
    if not _is_same_except(old, new, {one.source for one in done}, file, data.synonyms_by_type):
        yield _("not fixed {file}: other content would be read differently; correct the lines by hand", file=file)
        return
    write_bytes(Path(file), mark + new.encode())
    for one in done:
        yield _(
            "fixed {place}: {written} is now {correction}",
            place=one.source,
            written=shown(one.written),
            correction=shown(one.correction),
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
    others = (before.synonyms, before.regexes, before.lookups) == (after.synonyms, after.regexes, after.lookups)
    return (
        others
        and len(before.examples) == len(after.examples)
        and all(
            _differs_in_entities(one, two) if one.source in sources else one == two
            for one, two in zip(before.examples, after.examples, strict=True)
        )
    )


def _differs_in_entities(one: Example, two: Example) -> bool:
    return (one.source, one.intent, one.metadata) == (
        two.source,
        two.intent,
        two.metadata,
    ) and one.entities != two.entities
