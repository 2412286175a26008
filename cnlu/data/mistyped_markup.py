"""Text that looks like an annotation but is not one: `[小杯]（cup）`, `【中杯】(cup)`, `[大杯] (cup)`.

Chinese input methods write full-width brackets, which Rasa's notation does not accept. Ordinary text has such brackets
too: 价格（元） or 【公告】今天. A match is therefore reported only if the second pair of brackets holds the name of an
entity type: one that the data has, or a lower-case identifier.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from cnlu.data.schema import MistypedMarkup, NluData
from cnlu.i18n import _
from cnlu.io.messages import shown

_PATTERN = re.compile(
    r"(?P<left>[\[［【〔])(?P<surface>[^\[\]［］【】〔〕\n]{1,100})(?P<right>[\]］】〕])(?P<gap>[ \t\u3000]{0,3})"
    r"(?:(?P<open>[(（])(?P<inside>[^()（）\n]{1,100})(?P<close>[)）])|(?P<fields>[{｛][^{}｛｝\n]{1,300}[}｝]))"
)
_COLON = re.compile("[:：]")
_IDENTIFIER = re.compile(r"[a-z_][A-Za-z0-9_.-]*")
_ASCII = str.maketrans("｛｝“”：，", '{}"":,')


def find_mistyped_markup(line: str, source: str, jsonl: bool = False) -> Iterator[MistypedMarkup]:
    """Find all matches in a line, in linear time; in the text of a JSONL file, correct annotations are matches too."""
    for match in _PATTERN.finditer(line):
        second_brackets = match["fields"] or match["open"] + match["close"]
        exact = (
            match["left"] + match["right"] == "[]"
            and not match["gap"]
            and second_brackets[0] + second_brackets[-1] in ("()", "{}")
        )
        if exact and not jsonl:
            continue
        entity, annotation = _from_fields(match["fields"]) if match["fields"] else _parse_short_form(match["inside"])
        if entity:
            correction = f"[{match['surface']}]{annotation}" if annotation and not jsonl else ""
            yield MistypedMarkup(source=source, text=line, written=match[0], correction=correction, entity=entity)


def _parse_short_form(inside: str) -> tuple[str, str]:
    """(type, annotation)"""
    kind, *value = _COLON.split(inside, maxsplit=1)
    kind = kind.strip()
    return kind, f"({kind}:{value[0].strip()})" if value and value[0].strip() else f"({kind})"


def _from_fields(written: str) -> tuple[str, str]:
    """(type, annotation), both empty if the braces hold something else."""
    for plain in (written, written.translate(_ASCII)):  # first unchanged: a full-width comma may belong to a value
        try:
            kind = json.loads(plain).get("entity")
        except ValueError:
            continue
        return (kind, plain) if isinstance(kind, str) else ("", "")
    return "", ""


def report_mistyped_markup(data: NluData) -> None:
    """Keep the elements of `data.mistyped_markup` that are likely, given all of the data, and add an issue for each."""
    types = {entity.entity for example in data.examples for entity in example.entities}
    known_names = {name.casefold() for name in (*types, *data.lookups, *data.regexes)}
    likely = []
    for markup in data.mistyped_markup:
        jsonl = not markup.correction
        if markup.entity.casefold() not in known_names and (jsonl or not _IDENTIFIER.fullmatch(markup.entity)):
            continue
        likely.append(markup)
        written = shown(markup.written)
        problem = _("has {written}, which is not a valid annotation and is learned as text", written=written)
        if jsonl:
            fix = _('list it in "entities", with "start" and "end", and write the text without brackets')
        else:
            fix = _("write {correction}; cnlu check --fix does this", correction=shown(markup.correction)[1:-1])
        data.add_issue("mistyped-markup", markup.source, markup.text, problem, fix)
    data.mistyped_markup = likely
