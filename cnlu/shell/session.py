"""A shell session: sentences are parsed, and lines that begin with / are commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from cnlu.i18n import _
from cnlu.runtime.interpreter import Interpreter
from cnlu.shell.render import View, show
from cnlu.shell.terminal import visible


def _help(top: int) -> str:
    return _(
        """A line is parsed as a sentence unless it begins with /:
  /help    show this list
  /json    switch between the whole result as JSON and the readable view
  /top N   show the N best intents (now {top})
  /quit    quit, as do Ctrl-D and Ctrl-C
Put a space before a sentence that itself begins with /.
""",
        top=top,
    )


def run_session(model: Interpreter, lines: Iterable[str], write: Callable[[str], None], view: View) -> None:
    """Handles lines until they end or one of them is /quit; skips blank lines."""
    for line in lines:
        if not line.strip():
            continue
        if not line.startswith("/"):
            write(show(model.parse(line), view))
            continue
        name, _space, argument = line.strip().partition(" ")
        if name == "/quit":
            return
        view = _run_command(name, argument.strip(), write, view)


def _run_command(name: str, argument: str, write: Callable[[str], None], view: View) -> View:
    """Runs a command and returns the new view; writes a message for an unknown command or a wrong argument."""
    if name == "/help":
        write(_help(view.top))
    elif name == "/json":
        view = replace(view, raw=not view.raw)
        write(_("Results are shown as JSON.") if view.raw else _("Results are shown in the readable view."))
    elif name == "/top":
        if argument.isascii() and argument.isdigit() and int(argument[:9]) > 0 and len(argument) < 10:
            view = replace(view, top=int(argument))
            write(_("The {count} best intents are shown; a result has at most ten.", count=argument))
        else:
            write(_("/top takes a whole number of at least 1, such as /top 3."))
    else:
        problem = _("There is no command {name}; /help lists the commands.", name=visible(name))
        write(f"{problem} " + _("Put a space before a sentence that begins with /."))
    return view
