"""`cnlu shell`: an interactive prompt that parses sentences and runs a few commands."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import cnlu
from cnlu import interrupts
from cnlu.errors import UsageError
from cnlu.i18n import _, n_
from cnlu.shell.terminal import visible

if TYPE_CHECKING:
    from cnlu.runtime.interpreter import Interpreter


def add_shell(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `cnlu shell` to its parser."""
    parser.description = "Parse sentences with MODEL interactively. NO_COLOR=1 in the environment turns colours off."
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("--no-history", action="store_true", help="do not save typed lines in the history file")
    parser.set_defaults(run=_shell)


def _shell(arguments: argparse.Namespace) -> int:
    from cnlu.shell.input_lines import history_file, is_interactive, lines
    from cnlu.shell.render import BLOCKS, View, colours_of
    from cnlu.shell.session import run_session
    from cnlu.shell.terminal import can_show, wants_colour

    if sys.stdout is None:
        raise UsageError("cnlu shell", _("standard output is closed"), _("open it, because results are printed there"))
    model = cnlu.load(arguments.model)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    view = View(
        blocks=can_show(BLOCKS, sys.stdout),
        colours=colours_of(model.labels.entities) if wants_colour(sys.stdout) else {},
    )
    try:
        if is_interactive():
            print(_greeting(arguments.model, model))
        run_session(model, lines(None if arguments.no_history else history_file()), _print, view)
    except KeyboardInterrupt:
        interrupts.clear_signal()
        print()
    return 0


def _greeting(path: str, model: Interpreter) -> str:
    intents = n_("{count} intent", "{count} intents", len(model.labels.intents))
    types = n_("{count} entity type", "{count} entity types", len(model.labels.entities))
    return _(
        "{path}: {intents}, {types}. /help lists the commands, Ctrl-D leaves.",
        path=visible(path),
        intents=intents,
        types=types,
    )


def _print(text: str) -> None:
    print(text, flush=True)
