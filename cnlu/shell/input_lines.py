"""The shell's input: a terminal with a history file, or a pipe."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cnlu.errors import UsageError
from cnlu.i18n import _

PROMPT = "cnlu> "
_HISTORY_LENGTH = 1000


def lines(history: Path | None) -> Iterator[str]:
    """Yields the lines of standard input; `history` is the file in which they are saved, if any.

    Raises UsageError if standard input is closed, KeyboardInterrupt on Ctrl-C at the prompt.
    """
    if sys.stdin is None:
        raise UsageError("cnlu shell", _("standard input is closed"), _("open it, because sentences are read there"))
    if is_interactive():
        return _typed(history)
    return _piped()


def is_interactive() -> bool:
    """Whether both standard input and standard output are a terminal."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def history_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The history file, by the XDG Base Directory Specification; None without a home folder."""
    state = environment.get("XDG_STATE_HOME", "")
    try:
        folder = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    return folder / "cnlu" / "history"


def _typed(history: Path | None) -> Iterator[str]:
    sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
    save = _history_writer(history)
    while True:
        try:
            typed = input(PROMPT)
        except EOFError:
            print()  # so that the next output starts on a new line
            return
        for line in re.split("[\r\n]+", typed):  # pasted lines arrive together
            if line.strip():
                save(line)
            yield line


def _piped() -> Iterator[str]:
    prompt = PROMPT if sys.stdin.isatty() else ""  # typed input with redirected output
    stream = io.TextIOWrapper(sys.stdin.buffer, "utf-8-sig", "replace", newline="\n")
    while True:
        print(prompt, end="", file=sys.stderr, flush=True)
        if not (line := stream.readline()):
            return
        yield line.rstrip("\r\n")


def _history_writer(history: Path | None) -> Callable[[str], None]:
    """Returns a function that saves a line for the arrow keys and, at once, in the file: the window may be closed."""
    try:
        import readline
    except ImportError:  # Windows, and Python builds without it
        return lambda line: None
    readline.set_auto_history(False)
    readline.set_history_length(_HISTORY_LENGTH)
    writable = history is not None and _create(history)
    if writable:
        with contextlib.suppress(OSError):  # a file in another format is overwritten
            readline.read_history_file(history)

    def save(line: str) -> None:
        nonlocal writable
        readline.add_history(line)
        if writable:
            try:
                _append(readline, history)
            except OSError:
                writable = False

    return save


def _create(history: Path) -> bool:
    """Creates the file if needed, readable by this user only."""
    try:
        history.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(history, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        print(f"note: the history is not saved: {history}: {error.strerror}.", file=sys.stderr)
        return False
    return True


def _append(readline: object, history: Path | None) -> None:
    append = getattr(readline, "append_history_file", None)  # libedit may lack it
    if append is not None:
        append(1, history)
    else:
        readline.write_history_file(history)  # type: ignore[attr-defined]
