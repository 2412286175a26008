"""Validates the paths on the command line before a verb runs."""

from __future__ import annotations

import argparse
import errno
import os
import stat
from collections.abc import Iterator

from cnlu.errors import UsageError
from cnlu.i18n import _

_PATHS = {
    "data": "DATA",
    "test": "--test",
    "dev": "--dev",
    "config": "--config",
    "encoder": "the encoder",
    "origin": "--from",
    "model": "MODEL",
    "student": "--student",
    "out": "--out",
    "paths": "MODEL or DATA",
    "input": "--input",
    "annotate": "--annotate",
    "folder": "DIR",
    "corpus": "the corpus",
    "add_tokens": "--add-tokens",
    "lexicon": "--lexicon",
    "similar": "--similar",
    "teacher": "--teacher",
    "probe": "examples",
    "probe_test": "examples",
    "vectors": "--vectors",
    "cilin": "--cilin",
    "tsv": "--tsv",
    "table": "--table",
    "antonyms": "--antonyms",
    "texts": "TEXT",
}
"""argparse's destination of a path (an encoder may be a hub name) -> its name in messages."""
_STREAMED = ("input",)
"""These are read once, line by line, so a pipe is allowed."""
_STANDARD_INPUT = (("input", "-"), ("texts", "-"))


def check_paths(arguments: argparse.Namespace) -> None:
    """Raises UsageError for a path that is empty, invalid on every file system, a pipe or a device.

    A device may have no end, and a pipe blocks until data is written to it. The verbs themselves report missing paths.
    """
    for place, path in _path_arguments(arguments):
        title = _PATHS[place]
        if not path.strip():
            raise UsageError(title, _("the path is empty"), _("name a file or folder"))
        try:
            mode = os.stat(path).st_mode
        except ValueError:
            problem = _("is not a path (it contains a NUL byte or a lone surrogate)")
            raise UsageError(f"{title} {path!r}", problem, _("correct it")) from None
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
                raise UsageError(f"{title} {_short(path)}", str(error.strerror), _("name another")) from None
            continue
        if place not in _STREAMED and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            fix = _("save its output to a file and name that")
            raise UsageError(f"{title} {path}", _("is a pipe or a device"), fix)


def _path_arguments(arguments: argparse.Namespace) -> Iterator[tuple[str, str]]:
    for place in _PATHS:
        value = getattr(arguments, place, None)
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, str) and (place, path) not in _STANDARD_INPUT:
                yield place, path


def _short(path: str) -> str:
    return path if len(path) <= 80 else f"{path[:60]}…"
