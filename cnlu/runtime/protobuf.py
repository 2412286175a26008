"""A strict reader of protobuf's wire format: it refuses everything that two readers could understand differently.

Readers may disagree about a field that occurs twice, that has an unexpected wire type, or that only one of them knows.
Here each of these is an error, so the next reader of the bytes finds the same message.
https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from cnlu.i18n import _

VARINT, I64, LEN, I32 = 0, 1, 2, 5
"""Wire types; groups (3 and 4) are refused."""

_LARGE = 1 << 16
"""Size in bytes from which a message is read in place; a smaller one is faster to read as a copy."""

Bytes = bytes | memoryview


class BadMessage(ValueError):
    """Bytes that are not a message of the expected type. The text says why, as a clause without a full stop."""


class Field(NamedTuple):
    """A field of a message."""

    name: str
    read: Callable[[Any], Any]
    """Decodes a number (VARINT) or the field's bytes"""
    max_count: int = 1
    """Maximum number of occurrences; above 1 the value is a list"""


Message = Mapping[int, Field]
"""The fields of a message type, by tag."""


def tag(number: int, wire: int) -> int:
    """The tag that precedes a field in the bytes."""
    return number << 3 | wire


def read_message(data: Bytes, message: Message) -> dict[str, Any]:
    """The fields of a message by name, without absent ones. Raises BadMessage for anything else in `data`."""
    content: dict[str, Any] = {}
    for key, value in _fields(data if len(data) > _LARGE else bytes(data)):
        field = message.get(key)
        if field is None:
            number, wire = key >> 3, key & 7
            problem = _("it has field {number} (wire type {wire}), which no training writes", number=number, wire=wire)
            raise BadMessage(problem)
        if field.max_count == 1:
            if field.name in content:
                raise BadMessage(_("its field {name} occurs twice", name=field.name))
            content[field.name] = field.read(value)
            continue
        values = content.setdefault(field.name, [])
        if len(values) == field.max_count:
            problem = _("its field {name} occurs more than {limit} times", name=field.name, limit=field.max_count)
            raise BadMessage(problem)
        values.append(field.read(value))
    return content


def _fields(data: Bytes) -> Iterator[tuple[int, Any]]:
    at, end = 0, len(data)
    while at < end:
        key = data[at]
        key, at = (key, at + 1) if key < 0x80 else _varint(data, at)
        wire = key & 7
        if wire == VARINT:
            number, at = _varint(data, at)
            yield key, number
            continue
        if wire == LEN:
            size = data[at] if at < end else 0x80
            size, at = (size, at + 1) if size < 0x80 else _varint(data, at)
        elif wire in (I64, I32):
            size = 8 if wire == I64 else 4
        else:
            raise BadMessage(_("it has wire type {wire}", wire=wire))
        if size > end - at:
            raise BadMessage(_("it ends within a field"))
        yield key, data[at : at + size]
        at += size


def _varint(data: Bytes, at: int) -> tuple[int, int]:
    """The number at position `at`, 0 to 2^64 - 1, and the position after it."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise BadMessage(_("it ends within a number"))
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number >> 64:
                break
            return number, at
    raise BadMessage(_("it has a number of more than 64 bits"))


def int64(number: int) -> int:
    """A varint as a signed 64-bit number."""
    return number - (1 << 64) if number >> 63 else number


def uint31(number: int) -> int:
    """A varint that also fits into the positive half of 32 bits."""
    if number >> 31:
        raise BadMessage(_("it has a number of more than 31 bits"))
    return number


def utf8(data: Bytes) -> str:
    """The field as text."""
    try:
        return bytes(data).decode()
    except UnicodeDecodeError:
        raise BadMessage(_("it has a name that is not UTF-8")) from None


def count_varints(data: Bytes) -> int:
    """The number of varints in a packed field."""
    ends = np.frombuffer(data, np.uint8) < 0x80
    if len(ends) and not ends[-1]:
        raise BadMessage(_("it ends within a number"))
    return int(ends.sum())


def packed_int64(data: Bytes) -> list[int]:
    """The varints of a packed field, as signed numbers."""
    numbers, at = [], 0
    while at < len(data):
        number, at = _varint(data, at)
        numbers.append(int64(number))
    return numbers
