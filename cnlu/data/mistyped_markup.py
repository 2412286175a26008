"""What looks like an annotation and is none: `[小杯]（cup）`, `【中杯】(cup)`, `[大杯] (cup)`.

Chinese input methods write full-width brackets, which Rasa's notation does not know. Prose has such brackets too,
价格（元） or 【公告】今天, so a thing counts only where what stands in the second pair is the name of a type: one that
the data has, or a lower-case identifier.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from cnlu.data.schema import Lookalike, NluData
from cnlu.io.messages import shown

_LIKE = re.compile(
    r"(?P<left>[\[［【〔])(?P<surface>[^\[\]［］【】〔〕\n]{1,100})(?P<right>[\]］】〕])(?P<gap>[ \t\u3000]{0,3})"
    r"(?:(?P<open>[(（])(?P<inside>[^()（）\n]{1,100})(?P<close>[)）])|(?P<fields>[{｛][^{}｛｝\n]{1,300}[}｝]))"
)
_COLON = re.compile("[:：]")
_IDENTIFIER = re.compile(r"[a-z_][A-Za-z0-9_.-]*")
_ASCII = str.maketrans("｛｝“”：，", '{}"":,')


def find_lookalikes(line: str, source: str, jsonl: bool = False) -> Iterator[Lookalike]:
    """All of a line, in time that grows with its length; in the text of a JSONL file true annotations are some too."""
    for found in _LIKE.finditer(line):
        behind = found["fields"] or found["open"] + found["close"]
        exact = found["left"] + found["right"] == "[]" and not found["gap"] and behind[0] + behind[-1] in ("()", "{}")
        if exact and not jsonl:
            continue
        entity, annotation = _from_fields(found["fields"]) if found["fields"] else _short(found["inside"])
        if entity:
            meant = f"[{found['surface']}]{annotation}" if annotation and not jsonl else ""
            yield Lookalike(source, line, found[0], meant, entity)


def _short(inside: str) -> tuple[str, str]:
    """(type, annotation)"""
    kind, *value = _COLON.split(inside, maxsplit=1)
    kind = kind.strip()
    return kind, f"({kind}:{value[0].strip()})" if value and value[0].strip() else f"({kind})"


def _from_fields(written: str) -> tuple[str, str]:
    """(type, annotation), both empty where the braces hold something else."""
    for plain in (written, written.translate(_ASCII)):  # as it is, a full-width comma may be a part of a value
        try:
            kind = json.loads(plain).get("entity")
        except ValueError:
            continue
        return (kind, plain) if isinstance(kind, str) else ("", "")
    return "", ""


def doubt_lookalikes(data: NluData) -> None:
    """Keeps of `data.lookalikes` those that all of the data makes likely; each becomes a doubt."""
    types = {entity.entity for example in data.examples for entity in example.entities}
    known = {name.casefold() for name in (*types, *data.lookups, *data.regexes)}
    likely = []
    for one in data.lookalikes:
        jsonl = not one.meant
        if one.entity.casefold() not in known and (jsonl or not _IDENTIFIER.fullmatch(one.entity)):
            continue
        likely.append(one)
        problem = f"has {shown(one.written)}, which is no annotation as it is written and is learned as text"
        fix = (
            'give it as one of "entities", with "start" and "end", and write the text without brackets'
            if jsonl
            else f"write {shown(one.meant)[1:-1]}, as cnlu check --fix does"
        )
        data.doubt("unread-markup", one.source, one.text, problem, fix)
    data.lookalikes = likely
