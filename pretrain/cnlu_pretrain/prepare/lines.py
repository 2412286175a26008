"""The lines of a block, and where documents end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from cnlu.errors import DataError
from cnlu_pretrain.prepare.sources import Block

CONTROLS = bytes({*range(32), 127} - set(b"\t\n\v\f\r\x1b"))
"""Bytes that no text has; some files have one or two by accident."""
BINARY = 0.3
"""The share of such bytes, at the beginning of a file, from which it is no text. English in UTF-16 has half of them."""


@dataclass(frozen=True)
class Lines:
    """Lines that are not blank, without surrounding space."""

    texts: list[str]
    ends: list[int]
    """After how many of the texts a document ends, ascending; what follows the last goes on in the next block"""


def read_lines(block: Block) -> Lines:
    """Of plain text, where a blank line ends a document, or of JSONL, where each record's "text" is one.

    A line with a NUL byte in it is a text as it stands; `clean` leaves it out. Raises DataError for what is binary or
    not UTF-8, naming the byte, and for a record that is none.
    """
    text = _decoded(block)
    texts: list[str] = []
    ends: list[int] = []
    if block.jsonl:
        for number, line in enumerate(text.split("\n"), block.line):
            if line.strip():
                texts += _record(line, f"{block.source}:{number}")
                ends.append(len(texts))
        return Lines(texts, ends)
    for line in text.split("\n") if text else ():
        if line := line.strip():
            texts.append(line)
        else:
            ends.append(len(texts))
    if text.endswith("\n"):
        ends.pop()  # what follows the last line break is no blank line
    if block.last:
        ends.append(len(texts))
    return Lines(texts, ends)


def _decoded(block: Block) -> str:
    data = block.data
    strange = len(data) - len(data.translate(None, CONTROLS))
    if not block.offset and strange > BINARY * len(data):
        raise DataError(
            f"{block.source}:1: {strange} of the first {len(data)} bytes are NUL and the like, so this is binary or "
            "UTF-16; leave it out, or convert it to UTF-8."
        )
    try:
        return data.decode("utf-8-sig" if not block.offset else "utf-8")
    except UnicodeDecodeError as error:
        at = error.start + 3 * (not block.offset and data.startswith(b"\xef\xbb\xbf"))
        raise DataError(
            f"{_place(block, at)}: byte {block.offset + at} (0x{data[at]:02X}) is not valid UTF-8; convert the file, "
            "for example with: iconv -f GB18030 -t UTF-8."
        ) from None


def _place(block: Block, at: int) -> str:
    line = block.line + block.data.count(b"\n", 0, at)
    return f"{block.source}:{line}"


def _record(line: str, place: str) -> list[str]:
    if "\0" in line:
        return [line.strip()]
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise DataError(f'{place}: this line is not valid JSON; write one object a line, {{"text": ...}}.') from None
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise DataError(f'{place}: this record has no "text"; write one object a line, {{"text": ...}}.')
    content: str = record["text"].encode("utf-8", "replace").decode("utf-8")  # a lone surrogate becomes ?
    return [part for part in map(str.strip, content.split("\n")) if part]
