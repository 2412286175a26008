"""Messages in protobuf's wire format, read strictly: what a reader could take in two ways is refused.

Two readers of one file may differ over a field that comes twice, that has another wire type than its own, or that only
one of them knows. Here each of these is an error, so whoever reads the bytes next finds what was found here.
https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

VARINT, EIGHT, LENGTH, FOUR = 0, 1, 2, 5
"""Wire types; groups (3 and 4) are refused."""


_LARGE = 1 << 16
"""Bytes of a message whose parts are looked at in place; a small one is faster as a copy."""

Bytes = bytes | memoryview


class BadMessage(ValueError):
    """Bytes that are no message of the kind expected; says why in a part of a sentence."""


class Field(NamedTuple):
    """A field of a message."""

    name: str
    read: Callable[[Any], Any]
    """From a number (VARINT) or the field's bytes."""
    most: int = 1
    """How often it may come: more than once gives a list."""


Message = Mapping[int, Field]
"""Fields by their tags, as `tag` gives them."""


def tag(number: int, wire: int) -> int:
    """What stands before a field in the bytes."""
    return number << 3 | wire


def read_message(data: Bytes, message: Message) -> dict[str, Any]:
    """The fields of a message by name, absent ones left out. Raises BadMessage for anything else in `data`."""
    found: dict[str, Any] = {}
    for key, value in _fields(data if len(data) > _LARGE else bytes(data)):
        field = message.get(key)
        if field is None:
            raise BadMessage(f"it has field {key >> 3} (wire type {key & 7}), which no training writes")
        if field.most == 1:
            if field.name in found:
                raise BadMessage(f"its field {field.name} comes twice")
            found[field.name] = field.read(value)
            continue
        values = found.setdefault(field.name, [])
        if len(values) == field.most:
            raise BadMessage(f"its field {field.name} comes more than {field.most} times")
        values.append(field.read(value))
    return found


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
        if wire == LENGTH:
            size = data[at] if at < end else 0x80
            size, at = (size, at + 1) if size < 0x80 else _varint(data, at)
        elif wire in (EIGHT, FOUR):
            size = 8 if wire == EIGHT else 4
        else:
            raise BadMessage(f"it has wire type {wire}")
        if size > end - at:
            raise BadMessage("it ends within a field")
        yield key, data[at : at + size]
        at += size


def _varint(data: Bytes, at: int) -> tuple[int, int]:
    """The number at a place, 0 to 2^64 - 1, and the place behind it."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise BadMessage("it ends within a number")
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number >> 64:
                break
            return number, at
    raise BadMessage("it has a number of more than 64 bits")


def whole(number: int) -> int:
    """A signed 64-bit number."""
    return number - (1 << 64) if number >> 63 else number


def small(number: int) -> int:
    """A number that others may keep in 32 bits, from 0."""
    if number >> 31:
        raise BadMessage("it has a number of more than 31 bits")
    return number


def text(data: Bytes) -> str:
    try:
        return bytes(data).decode()
    except UnicodeDecodeError:
        raise BadMessage("it has a name that is not UTF-8") from None


def counted(data: Bytes) -> int:
    """How many numbers a packed field of varints holds."""
    ends = np.frombuffer(data, np.uint8) < 0x80
    if len(ends) and not ends[-1]:
        raise BadMessage("it ends within a number")
    return int(ends.sum())


def packed(data: Bytes) -> list[int]:
    """The signed numbers of a packed field of varints."""
    numbers, at = [], 0
    while at < len(data):
        number, at = _varint(data, at)
        numbers.append(whole(number))
    return numbers
