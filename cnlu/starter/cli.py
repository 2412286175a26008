"""`cnlu init`: a starter project, and what to type next."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path

from cnlu.errors import UsageError

NEXT = """cnlu train data --out model --config config.yaml
cnlu evaluate model test.yml
cnlu shell model"""


def add_init(parser: argparse.ArgumentParser) -> None:
    """Describes the verb to the parser of the command line."""
    parser.description = "Write a starter project into DIR: the examples of a coffee shop's bot, to change into yours."
    parser.add_argument("folder", metavar="DIR", help="a new or empty folder")
    parser.add_argument("--force", action="store_true", help="also into a folder with other files, which all stay")
    parser.set_defaults(run=_init)


def _init(arguments: argparse.Namespace) -> int:
    from cnlu.starter.create import create

    if not arguments.folder.strip():
        raise UsageError("the folder has no name; name one, for example my-bot.")
    folder = Path(arguments.folder)
    written, there = create(folder, arguments.force)
    print(
        "\n".join(
            [
                f"{_shown(arguments.folder)}: {len(written)} files written",
                *(f"  {name}" for name in written),
                *(f"  {name} was there already and is left as it is" for name in there),
                "",
                "Next:",
                *(f"  {line}" for line in next_commands(arguments.folder)),
            ]
        )
    )
    return 0


def next_commands(folder: str) -> list[str]:
    """What to type after `cnlu init`, whatever the folder is called."""
    inside = os.path.realpath(folder) == os.path.realpath(os.curdir)
    name = folder if not folder.startswith("-") else os.path.join(os.curdir, folder)
    return [*([] if inside else [f"cd {_quoted(name)}"]), *NEXT.splitlines()]


def _quoted(name: str) -> str:
    """As a shell wants it; what could steer the terminal is written in the escapes that bash and zsh read."""
    if name.isprintable():
        return shlex.quote(name)
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + "".join(map(_escaped, escaped)) + "'"


def _escaped(ch: str) -> str:
    if "\udc80" <= ch <= "\udcff":  # Python's stand-in for a byte that is no UTF-8
        return f"\\x{ord(ch) - 0xDC00:02x}"
    return _shown(ch)


def _shown(folder: str) -> str:
    return "".join(ch if ch.isprintable() else ascii(ch)[1:-1] for ch in folder)
