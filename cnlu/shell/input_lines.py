"""Where the shell's lines come from: a person at a terminal, with a history, or a pipe."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cnlu.errors import UsageError

PROMPT = "cnlu> "
_REMEMBERED = 1000


def lines(history: Path | None) -> Iterator[str]:
    """Every line given, until the end of standard input; `history` is the file that remembers them, if any.

    Raises UsageError where there is no standard input at all, KeyboardInterrupt for Ctrl-C at the prompt.
    """
    if sys.stdin is None:
        raise UsageError("standard input is closed, and the shell reads its sentences there; open it.")
    if is_interactive():
        return _typed(history)
    return _piped()


def is_interactive() -> bool:
    """Whether a person sits at both ends."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def history_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Where lines are remembered, by the XDG base directories; None where there is no home folder."""
    state = environment.get("XDG_STATE_HOME", "")
    try:
        folder = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    return folder / "cnlu" / "history"


def _typed(history: Path | None) -> Iterator[str]:
    sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
    remember = _remembering(history)
    while True:
        try:
            given = input(PROMPT)
        except EOFError:
            print()  # whatever the terminal shows next begins a line
            return
        for line in re.split("[\r\n]+", given):  # several lines pasted at once arrive together
            if line.strip():
                remember(line)
            yield line


def _piped() -> Iterator[str]:
    prompt = PROMPT if sys.stdin.isatty() else ""  # a person types, but the answers go elsewhere
    stream = io.TextIOWrapper(sys.stdin.buffer, "utf-8-sig", "replace", newline="\n")
    while True:
        print(prompt, end="", file=sys.stderr, flush=True)
        if not (line := stream.readline()):
            return
        yield line.rstrip("\r\n")


def _remembering(history: Path | None) -> Callable[[str], None]:
    """What remembers a line: for the arrow keys, and in the file at once, for a closed window gives no time later."""
    try:
        import readline
    except ImportError:  # Windows, and Pythons built without it
        return lambda line: None
    readline.set_auto_history(False)
    readline.set_history_length(_REMEMBERED)
    usable = history is not None and _opened(history)
    if usable:
        with contextlib.suppress(OSError):  # another program's format: begun anew
            readline.read_history_file(history)

    def remember(line: str) -> None:
        nonlocal usable
        readline.add_history(line)
        if usable:
            try:
                _append(readline, history)
            except OSError:
                usable = False

    return remember


def _opened(history: Path) -> bool:
    """Makes the file if need be, for this user's eyes only: it holds what was typed."""
    try:
        history.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(history, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        print(f"note: lines are not remembered: {history}: {error.strerror}.", file=sys.stderr)
        return False
    return True


def _append(readline: object, history: Path | None) -> None:
    append = getattr(readline, "append_history_file", None)  # libedit may lack it
    if append is not None:
        append(1, history)
    else:
        readline.write_history_file(history)  # type: ignore[attr-defined]
