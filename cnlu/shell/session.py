"""The conversation with a model: sentences are parsed, lines that begin with / change how results are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from cnlu.runtime.interpreter import Interpreter
from cnlu.shell.render import View, show
from cnlu.shell.terminal import visible

HELP = """A sentence is parsed as it stands; a line that begins with / is a command:
  /help    this list
  /json    the whole result as JSON, or the picture again
  /top N   show the N best intents (now {top})
  /quit    leave; Ctrl-D and Ctrl-C do too
A sentence that itself begins with / wants a space before it.
"""


def converse(model: Interpreter, given: Iterable[str], log: Callable[[str], None], view: View) -> None:
    """Answers every line until there are no more, or one of them says /quit; blank lines are passed over."""
    for line in given:
        if not line.strip():
            continue
        if not line.startswith("/"):
            log(show(model.parse(line), view))
            continue
        name, _, rest = line.strip().partition(" ")
        if name == "/quit":
            return
        view = _obey(name, rest.strip(), log, view)


def _obey(name: str, rest: str, log: Callable[[str], None], view: View) -> View:
    """What a command changes of the view; one that makes no sense is answered with a sentence."""
    if name == "/help":
        log(HELP.format(top=view.top))
    elif name == "/json":
        view = replace(view, raw=not view.raw)
        log("Results are shown as JSON." if view.raw else "Results are shown as a picture.")
    elif name == "/top":
        if rest.isascii() and rest.isdigit() and int(rest[:9]) > 0 and len(rest) < 10:
            view = replace(view, top=int(rest))
            log(f"The {rest} best intents are shown; a result has at most ten.")
        else:
            log("/top wants a whole number from 1 up, such as /top 3.")
    else:
        log(
            f"There is no command {visible(name)}; /help lists them. A sentence that begins with / wants a space "
            "before it."
        )
    return view
