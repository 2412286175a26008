"""A parse result as readable lines: the sentence with its entities marked, the intent ranking, and the entities."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cnlu.runtime.assemble import EXTRACTOR
from cnlu.shell.terminal import aligned, coloured, visible

BLOCKS = " ▏▎▍▌▋▊▉█"
_BAR = 24
_COLOURS = ("1;36", "1;33", "1;32", "1;35", "1;34", "1;31")
_INDENT = "  "


@dataclass(frozen=True)
class View:
    """How results are shown."""

    top: int = 5
    """Number of intents shown."""
    raw: bool = False
    """Whether to show JSON instead."""
    blocks: bool = True
    """Whether bars are drawn with eighths of a block; otherwise with `#`."""
    colours: dict[str, str] = field(default_factory=dict)
    """ANSI code by entity type; without colours, brackets mark the entities."""


def colours_of(types: Sequence[str]) -> dict[str, str]:
    """A colour for each entity type, the same on every run."""
    return {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(types)}


def show(result: dict[str, Any], view: View) -> str:
    """The lines for one parse result; control characters are escaped."""
    if view.raw:
        return _json(result)
    lines = [
        _sentence(result, view),
        *_ranking(result, view),
        *_entities(result, view),
        f"out_of_scope score {result['out_of_scope']:.3f}",
    ]
    return "\n".join(_INDENT + line for line in lines) + "\n"


def _json(result: dict[str, Any]) -> str:
    """Indented JSON; control characters are JSON escapes, which read back the same."""
    lines = json.dumps(result, ensure_ascii=False, indent=2).split("\n")
    return "\n".join("".join(ch if visible(ch) == ch else _escaped(ch) for ch in line) for line in lines)


def _escaped(ch: str) -> str:
    return f"\\u{ord(ch):04x}" if ord(ch) < 0x10000 else json.dumps(ch)[1:-1]


def _sentence(result: dict[str, Any], view: View) -> str:
    text, pieces, at = result["text"], [], 0
    for entity in result["entities"]:
        pieces += [visible(text[at : entity["start"]]), _marked(_surface(result, entity), entity, view)]
        at = entity["end"]
    return "".join(pieces) + visible(text[at:])


def _surface(result: dict[str, Any], entity: dict[str, Any]) -> str:
    return visible(result["text"][entity["start"] : entity["end"]])


def _marked(words: str, entity: dict[str, Any], view: View) -> str:
    if not view.colours:
        return f"[{words}]"
    return coloured(words, view.colours.get(entity["entity"], _COLOURS[0]))


def _ranking(result: dict[str, Any], view: View) -> list[str]:
    rows = [
        (visible(intent["name"]), _percent(intent["confidence"]), _bar(intent["confidence"], view))
        for intent in result["intent_ranking"][: view.top]
    ]
    return aligned(rows) if rows else ["no intent"]


def _entities(result: dict[str, Any], view: View) -> list[str]:
    rows = [_entity(result, entity) for entity in result["entities"]]
    if not rows:
        return ["no entities"]
    lines = aligned(rows)
    if not view.colours:
        return lines
    return [
        _marked(line[: len(row[0])], entity, view) + line[len(row[0]) :]
        for line, row, entity in zip(lines, rows, result["entities"], strict=True)
    ]


def _entity(result: dict[str, Any], entity: dict[str, Any]) -> tuple[str, ...]:
    surface = result["text"][entity["start"] : entity["end"]]
    return (
        visible(surface),
        visible(entity["entity"]),
        "role " + visible(entity["role"]) if "role" in entity else "",
        "group " + visible(entity["group"]) if "group" in entity else "",
        "= " + visible(str(entity["value"])) if entity["value"] != surface else "",
        _percent(entity["confidence_entity"]),
        "" if entity["extractor"] == EXTRACTOR else "by " + visible(entity["extractor"]),
    )


def _percent(share: float) -> str:
    return f"{100 * share:5.1f} %"


def _bar(share: float, view: View) -> str:
    if not view.blocks:
        return "#" * round(share * _BAR)
    whole, part = divmod(round(share * _BAR * 8), 8)
    return (BLOCKS[8] * whole + BLOCKS[part]).rstrip()
