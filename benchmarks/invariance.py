"""Invariance: how often additions that keep the meaning, such as spaces, change the answer and the accuracy.

    python benchmarks/invariance.py MODEL DATA [--out FIGURES.json]

The model parses every sentence of DATA unchanged and with each addition. The entities count as changed if one of them
is missing, new, or elsewhere, after the offsets are mapped to the changed sentence. Frame accuracy is that of
`cnlu evaluate` on the changed sentences with the mapped annotations.

"Between Chinese" inserts where at least one neighbour is a Chinese character, so runs of letters and digits stay
whole. "Between all" and "between words" (jieba's words) also split 13:30 and C 6305, where a space may have a meaning.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jieba
from measure import table

from cnlu.data.load import load_data
from cnlu.data.schema import Example
from cnlu.evaluation.frames import frame_correctness, predicted_frame
from cnlu.runtime.interpreter import Interpreter
from cnlu.text.chars import is_han

Cuts = list[int]
ZERO_WIDTH = "\u200b"


def words(text: str) -> Cuts:
    """The offsets at which jieba's words begin, without the first."""
    cuts, at = [], 0
    for word in jieba.cut(text):
        cuts.append(at)
        at += len(word)
    return cuts[1:]


def everywhere(text: str) -> Cuts:
    return list(range(1, len(text)))


def chinese(text: str) -> Cuts:
    return [i for i in everywhere(text) if is_han(text[i - 1]) or is_han(text[i])]


def chinese_words(text: str) -> Cuts:
    return [i for i in words(text) if i in set(chinese(text))]


def at_start(text: str) -> Cuts:
    return [0]


def at_end(text: str) -> Cuts:
    return [len(text)]


ADDITIONS: dict[str, tuple[str, Callable[[str], Cuts]]] = {
    "nothing": ("", at_end),
    "a line break at the end": ("\n", at_end),
    "two spaces at the start": ("  ", at_start),
    "a BOM at the start": ("\ufeff", at_start),
    "`。` at the end": ("。", at_end),
    "`！` at the end": ("！", at_end),
    "`？` at the end": ("？", at_end),
    "space and `？` at the end": (" ？", at_end),
    "spaces between Chinese words": (" ", chinese_words),
    "spaces between Chinese characters": (" ", chinese),
    "zero-width spaces between all characters": (ZERO_WIDTH, everywhere),
    "spaces between words": (" ", words),
    "spaces between all characters": (" ", everywhere),
}


def with_addition(example: Example, addition: str, cuts: Cuts) -> tuple[Example, list[int]]:
    """(The example with `addition` inserted at each of `cuts`, the new offset of each character)."""
    places, parts, shift, left = [], [], 0, set(cuts)
    for i, ch in enumerate(example.text):
        if i in left:
            parts.append(addition)
            shift += len(addition)
        places.append(i + shift)
        parts.append(ch)
    if len(example.text) in left:
        parts.append(addition)
    moved = (replace(e, start=places[e.start], end=places[e.end - 1] + 1) for e in example.entities)
    return replace(example, text="".join(parts), entities=tuple(moved)), places


def frames(results: list[dict[str, Any]], places: list[list[int]]) -> list[tuple[Any, Any]]:
    """Intent and entities of each result, with the entities' offsets mapped through `places`."""
    found = []
    for result, to in zip(results, places, strict=True):
        frame = predicted_frame(result)
        found.append((frame.intent, {(to[start], to[end - 1] + 1, *rest) for start, end, *rest in frame.entities}))
    return found


def figures(model: Interpreter, examples: list[Example]) -> dict[str, dict[str, float]]:
    """Shares by addition: intents changed, entity sets changed, frames right."""
    plain = model.parse_batch([example.text for example in examples])
    found = {}
    for name, (addition, cut) in ADDITIONS.items():
        changed, places = zip(
            *(with_addition(example, addition, cut(example.text)) for example in examples), strict=True
        )
        results = model.parse_batch([example.text for example in changed])
        before, after = frames(plain, list(places)), frames(results, [list(range(len(e.text))) for e in changed])
        pairs, count = list(zip(before, after, strict=True)), len(examples)
        found[name] = {
            "intents changed": sum(one[0] != two[0] for one, two in pairs) / count,
            "entities changed": sum(one[1] != two[1] for one, two in pairs) / count,
            "frame accuracy": float(frame_correctness(list(changed), results).mean()),
        }
    return found


def markdown(found: dict[str, dict[str, float]]) -> str:
    """A table with one row per addition."""
    rows = [
        [name, f"{one['intents changed']:.1%}", f"{one['entities changed']:.1%}", f"{one['frame accuracy']:.3f}"]
        for name, one in found.items()
    ]
    return table(["added", "intents changed", "entities changed", "frame accuracy"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="How often additions that keep the meaning change the answer.")
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("data", nargs="+", metavar="DATA", help="examples, as for cnlu evaluate")
    parser.add_argument("--out", type=Path, metavar="FIGURES.json", help="where to write the figures")
    arguments = parser.parse_args()
    examples = list(load_data(arguments.data).examples)
    found = figures(Interpreter.load(arguments.model), examples)
    print(f"{arguments.model} on {', '.join(arguments.data)}: {len(examples)} sentences\n\n{markdown(found)}")
    if arguments.out:
        arguments.out.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
