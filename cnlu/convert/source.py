"""Reads files of other tools: text in any encoding, and JSON whose objects have line numbers."""

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
from cnlu.i18n import _

MAX_BYTES = 512 << 20
"""Largest size of an unpacked file, which is held in memory several times"""
_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Located(dict[str, Any]):
    """A JSON object with the number of its first line."""

    line = 0


def read(path: Path, encoding: str | None) -> str:
    """The text of a file; the default encoding follows the byte order mark, or is UTF-8. Raises DataError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            problem = _("the file is larger than {size} MB", size=MAX_BYTES >> 20)
            raise DataError(path, problem, _("split it and convert the parts"))
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(path, _("there is no such file or folder"), _("check the path")) from None
    except OSError as error:
        problem = _("the file cannot be read ({reason})", reason=error.strerror)
        raise DataError(path, problem, _("check what it is")) from None
    return decoded(content, str(path), encoding)


def decoded(content: bytes, place: str, encoding: str | None) -> str:
    """The text of a file's content; encoding and errors as in `read`."""
    detected = next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding or detected).removeprefix("\ufeff")
    except LookupError:
        problem = _("there is no encoding {name}", name=encoding)
        raise UsageError("--encoding", problem, _("choose gb18030 or utf-8, for example")) from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = _("byte {byte} is not valid in {encoding}", byte=error.start, encoding=encoding or detected)
        fix = _("try another encoding") if encoding else _("try --encoding gb18030, which Excel often uses in China")
        raise DataError(f"{place}:{line}", problem, fix) from None


def parse_json(text: str, place: str, first_line: int = 1) -> Any:
    """Parse JSON with objects of type `Located`. Raises DataError, with the line, if it is not valid."""
    breaks = [match.start() for match in re.finditer("\n", text)]
    decoder: Any = json.JSONDecoder()

    def parse_object(where: tuple[str, int], *rest: Any) -> tuple[Located, int]:
        value, end = JSONObject(where, *rest)
        located = Located(value)
        located.line = first_line + bisect_right(breaks, where[1] - 1)
        return located, end

    decoder.parse_object = parse_object
    decoder.scan_once = py_make_scanner(decoder)
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        problem = _("this is not valid JSON ({reason})", reason=error.msg)
        raise DataError(f"{place}:{line}", problem, _("export it again")) from None
    except RecursionError:
        raise DataError(place, _("this JSON nests too deeply"), _("export it again")) from None
    except ValueError as error:  # a number with thousands of digits
        problem = _("this JSON cannot be read ({reason})", reason=error)
        raise DataError(place, problem, _("export it again")) from None


def objects(value: object) -> list[Located]:
    """The objects in a list; empty for anything that is not a list."""
    return [item for item in value if isinstance(item, Located)] if isinstance(value, list) else []
