"""The lines of a block and the ends of documents."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from cnlu.errors import DataError
from cnlu.i18n import _
from cnlu_pretrain.prepare.sources import Block

CONTROLS = bytes({*range(32), 127} - set(b"\t\n\v\f\r\x1b"))
"""Control bytes that do not belong in text; a few may occur by accident."""
BINARY = 0.3
"""A file whose first block has a larger share of such bytes is binary. English text in UTF-16 has one half."""


@dataclass(frozen=True)
class Lines:
    """The non-blank lines of a block, without surrounding whitespace."""

    texts: list[str]
    ends: list[int]
    """The number of texts before each end of a document, ascending; the last document may continue in the next block"""


def read_lines(block: Block) -> Lines:
    """Read plain text, where a blank line ends a document, or JSONL, where each record's "text" is a document.

    A line with a NUL byte is returned unchanged; `clean` leaves it out. Raises DataError for binary data, for text that
    is not UTF-8, naming the byte, and for a record that is not valid.
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
        ends.pop()  # nothing follows the last line break, so there is no blank line
    if block.last:
        ends.append(len(texts))
    return Lines(texts, ends)


def _decoded(block: Block) -> str:
    data = block.data
    controls = len(data) - len(data.translate(None, CONTROLS))
    if not block.offset and controls > BINARY * len(data):
        raise DataError(
            f"{block.source}:1",
            _(
                "{count} of the first {total} bytes are control bytes, so this is binary or UTF-16",
                count=controls,
                total=len(data),
            ),
            _("leave the file out, or convert it to UTF-8"),
        )
    try:
        return data.decode("utf-8-sig" if not block.offset else "utf-8")
    except UnicodeDecodeError as error:
        at = error.start + 3 * (not block.offset and data.startswith(b"\xef\xbb\xbf"))
        raise DataError(
            _place(block, at),
            _("byte {offset} (0x{byte}) is not valid UTF-8", offset=block.offset + at, byte=f"{data[at]:02X}"),
            _("convert the file, for example with: iconv -f GB18030 -t UTF-8"),
        ) from None


def _place(block: Block, at: int) -> str:
    line = block.line + block.data.count(b"\n", 0, at)
    return f"{block.source}:{line}"


def _record_format() -> str:
    return _("write one object per line: {example}", example='{"text": ...}')


def _record(line: str, place: str) -> list[str]:
    if "\0" in line:
        return [line.strip()]
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise DataError(place, _("this line is not valid JSON"), _record_format()) from None
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise DataError(place, _('this record has no "text"'), _record_format())
    content: str = record["text"].encode("utf-8", "replace").decode("utf-8")  # replaces lone surrogates by ?
    return [part for part in map(str.strip, content.split("\n")) if part]
