"""`cnlu check --fix`: annotations in other brackets become the ones that are meant, in the YAML files themselves."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from cnlu.data.rasa_yaml import read_yaml_text
from cnlu.data.schema import Example, MistypedMarkup, NluData
from cnlu.errors import DataError
from cnlu.io.messages import shown
from cnlu.io.text_files import read_text, write_bytes

_LINES = re.compile("(\r\n|\r|\n)")


def fix_markup(data: NluData) -> Iterator[str]:
    """Writes each file that has some, as a whole or not at all, and tells each change in a line.

    Everything else of a file stays as it is, byte for byte; what would be read otherwise afterwards is left and told.
    Raises DataError and CnluError for a file that cannot be read or written.
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
    parts = _LINES.split(old)  # every second one is a line break
    done: list[MistypedMarkup] = []
    for one in found:
        at = 2 * (int(one.source.rpartition(":")[2]) - 1)
        line = parts[at] if at < len(parts) else ""
        fixed = line.replace(one.written, one.correction, 1)
        if fixed != line and _is_safe(line, one.written):
            parts[at] = fixed
            done.append(one)
        else:
            yield (
                f"not fixed {one.source}: {shown(one.written)} is not written so there, or begins the text; write "
                f"{shown(one.correction)} by hand"
            )
    if not done:
        return
    new = "".join(parts)
    if not _same_but_for(old, new, {one.source for one in done}, file, data.synonyms_by_type):
        yield f"not fixed {file}: other things in it would be read otherwise; correct the lines by hand"
        return
    write_bytes(Path(file), mark + new.encode())
    yield from (f"fixed {one.source}: {shown(one.written)} is now {shown(one.correction)}" for one in done)


def _is_safe(line: str, written: str) -> bool:
    """Whether brackets there are text to YAML: a plain scalar must not begin with one."""
    return re.search(r"text:\s*$", line[: line.index(written)]) is None


def _same_but_for(old: str, new: str, sources: set[str], file: str, bind: bool) -> bool:
    """Whether the two texts of a file read alike but for the examples of these lines, which have other entities now."""
    before, after = (NluData(invalid=[], synonyms_by_type=bind) for _ in range(2))
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
            _fixed(one, two) if one.source in sources else one == two
            for one, two in zip(before.examples, after.examples, strict=True)
        )
    )


def _fixed(one: Example, two: Example) -> bool:
    return (one.source, one.intent, one.metadata) == (
        two.source,
        two.intent,
        two.metadata,
    ) and one.entities != two.entities
