"""`cnlu init`: writes a starter project and prints the next commands."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path

from cnlu.errors import UsageError
from cnlu.i18n import _, n_

NEXT = """cnlu train data --out model --config config.yaml
cnlu evaluate model test.yml
cnlu shell model"""


def add_init(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `cnlu init` to its parser."""
    parser.description = "Write a starter project into DIR: the examples of a coffee shop's bot, for you to change."
    parser.add_argument("folder", metavar="DIR", help="a new or empty folder")
    parser.add_argument(
        "--force", action="store_true", help="write into a folder that has files; existing files stay as they are"
    )
    parser.set_defaults(run=_init)


def _init(arguments: argparse.Namespace) -> int:
    from cnlu.starter.create import create

    if not arguments.folder.strip():
        raise UsageError("DIR", _("is empty"), _("name a folder, for example my-bot"))
    folder = Path(arguments.folder)
    written, existing = create(folder, arguments.force)
    count = n_("{count} file written", "{count} files written", len(written))
    lines = [
        f"{_escaped_name(arguments.folder)}: {count}",
        *(f"  {name}" for name in written),
        *("  " + _("{name} exists and stays as it is", name=name) for name in existing),
        "",
        _("Next:"),
        *(f"  {line}" for line in next_commands(arguments.folder)),
    ]
    print("\n".join(lines))
    return 0


def next_commands(folder: str) -> list[str]:
    """The commands to run after `cnlu init`, with the folder's name quoted for a shell."""
    is_current = os.path.realpath(folder) == os.path.realpath(os.curdir)
    name = folder if not folder.startswith("-") else os.path.join(os.curdir, folder)
    return [*([] if is_current else [f"cd {_quoted(name)}"]), *NEXT.splitlines()]


def _quoted(name: str) -> str:
    """The name quoted for a shell; control characters become escapes that bash and zsh understand."""
    if name.isprintable():
        return shlex.quote(name)
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + "".join(map(_escaped, escaped)) + "'"


def _escaped(ch: str) -> str:
    if "\udc80" <= ch <= "\udcff":  # surrogateescape: a byte that is not UTF-8
        return f"\\x{ord(ch) - 0xDC00:02x}"
    return _escaped_name(ch)


def _escaped_name(folder: str) -> str:
    return "".join(ch if ch.isprintable() else ascii(ch)[1:-1] for ch in folder)
