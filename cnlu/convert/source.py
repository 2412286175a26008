"""A file of another tool as text, in whatever encoding, and JSON whose objects know their lines."""

from __future__ import annotations

import codecs
import json
import re
from bisect import bisect_right
from json.decoder import JSONObject  # type: ignore[attr-defined]
from json.scanner import py_make_scanner  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any

from cnlu.errors import DataError, UsageError

MOST_BYTES = 512 << 20
"""Of a file, unpacked: all of it is in memory, several times over."""
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Located(dict[str, Any]):
    """An object of JSON that knows the line it begins on."""

    line = 0


def read(path: Path, encoding: str | None) -> str:
    """The text of a file; without an encoding as its byte order mark says, else UTF-8. Raises DataError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path}: is larger than {MOST_BYTES >> 20} MB; divide it and convert the parts.")
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file or folder; check the path.") from None
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read ({error.strerror}); check what it is.") from None
    return decoded(content, str(path), encoding)


def decoded(content: bytes, place: str, encoding: str | None) -> str:
    """As `read`."""
    usual = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding or usual).removeprefix("\ufeff")
    except LookupError:
        raise UsageError(f"--encoding {encoding}: there is no such encoding; gb18030 and utf-8 are usual.") from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        advice = "it may be in another" if encoding else "what Excel saves in China is mostly --encoding gb18030"
        raise DataError(f"{place}:{line}: byte {error.start} is not valid in {encoding or usual}; {advice}.") from None


def parse_json(text: str, place: str, first_line: int = 1) -> Any:
    """The content of JSON, its objects `Located`. Raises DataError, naming the line, for what is none."""
    breaks = [found.start() for found in re.finditer("\n", text)]
    decoder: Any = json.JSONDecoder()

    def parse_object(where: tuple[str, int], *rest: Any) -> tuple[Located, int]:
        value, end = JSONObject(where, *rest)
        found = Located(value)
        found.line = first_line + bisect_right(breaks, where[1] - 1)
        return found, end

    decoder.parse_object = parse_object
    decoder.scan_once = py_make_scanner(decoder)
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        raise DataError(f"{place}:{line}: this is not valid JSON ({error.msg}); export it again.") from None
    except RecursionError:
        raise DataError(f"{place}: this JSON nests too deeply; export it again.") from None
    except ValueError as error:  # a number of thousands of digits
        raise DataError(f"{place}: this JSON cannot be read ({error}); export it again.") from None


def objects(value: object) -> list[Located]:
    """The objects of a list; of anything else none."""
    return [item for item in value if isinstance(item, Located)] if isinstance(value, list) else []
