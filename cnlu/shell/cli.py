"""`cnlu shell`: sentences in, what the model makes of them out, and a few commands."""

from __future__ import annotations

import argparse
import sys

import cnlu
from cnlu import interrupts
from cnlu.errors import UsageError


def add_shell(parser: argparse.ArgumentParser) -> None:
    """Describes the verb to the parser of the command line."""
    parser.description = "Try sentences on MODEL, one after the other. NO_COLOR=1 in the environment turns colours off."
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("--no-history", action="store_true", help="remember nothing of what is typed")
    parser.set_defaults(run=_shell)


def _shell(arguments: argparse.Namespace) -> int:
    from cnlu.shell.input_lines import history_file, is_interactive, lines
    from cnlu.shell.render import BLOCKS, View, colours_of
    from cnlu.shell.session import converse
    from cnlu.shell.terminal import can_show, visible, wants_colour

    if sys.stdout is None:
        raise UsageError("standard output is closed, and the shell answers there; open it.")
    model = cnlu.load(arguments.model)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    view = View(
        blocks=can_show(BLOCKS, sys.stdout),
        colours=colours_of(model.labels.entities) if wants_colour(sys.stdout) else {},
    )
    try:
        if is_interactive():
            print(
                f"{visible(arguments.model)}: {len(model.labels.intents)} intents, {len(model.labels.entities)} "
                "entity types. /help lists the commands, Ctrl-D leaves."
            )
        converse(model, lines(None if arguments.no_history else history_file()), _say, view)
    except KeyboardInterrupt:
        interrupts.answered()
        print()
    return 0


def _say(words: str) -> None:
    print(words, flush=True)
