"""`cnlu shell` in a process of its own, at a real terminal and in a pipe."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pty = pytest.importorskip("pty", reason="no pseudo-terminals here")
import fcntl  # noqa: E402
import termios  # noqa: E402

Cli = Callable[..., Any]
PROMPT = "cnlu> "
PATIENCE = 120.0
ANSI = re.compile(r"\x1b\[[\d;?]*[a-zA-Z]")
WITHOUT_READLINE = "import sys; sys.modules['readline'] = None; from cnlu.cli import main; sys.exit(main())"


class Terminal:
    """A shell at a pseudo-terminal, and its output."""

    def __init__(self, *command: object, **environment: str) -> None:
        self.master, slave = pty.openpty()
        env = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm",
            **environment,
        }
        env = {name: value for name, value in env.items() if name != "NO_COLOR" or name in environment}
        self.process = subprocess.Popen(
            [sys.executable, *map(str, command)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=env,
            start_new_session=True,
            preexec_fn=_own_terminal,
        )
        os.close(slave)
        self.seen = ""

    def wait_for(self, words: str) -> str:
        """The output before `words`, which must appear; later calls start after them."""
        end = time.monotonic() + PATIENCE
        while words not in self.seen:
            assert time.monotonic() < end, f"no {words!r} in {self.seen!r}"
            assert self._read(), f"it ended without {words!r}: {self.seen!r}"
        before, _, self.seen = self.seen.partition(words)
        return before

    def rest(self) -> str:
        """The output until the shell ends."""
        while self._read():
            pass
        return self.seen

    def send(self, line: str | bytes) -> None:
        os.write(self.master, line if isinstance(line, bytes) else line.encode() + b"\n")

    def ask(self, line: str) -> str:
        self.send(line)
        return self.wait_for(PROMPT)

    def _read(self) -> bool:
        ready, _, _ = select.select([self.master], [], [], PATIENCE)
        assert ready, f"silence after {self.seen!r}"
        try:
            found = os.read(self.master, 65536)
        except OSError:  # on Linux, this means that the other end is closed
            found = b""
        self.seen += found.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(found)


def _own_terminal() -> None:
    """Use the terminal and restore Ctrl-C: tests that run in the background ignore it, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextlib.contextmanager
def shell(*command: object, **environment: str) -> Iterator[Terminal]:
    terminal = Terminal(*command, **environment)
    try:
        yield terminal
    finally:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.master)


def piped(model: Path, typed: bytes, **environment: str) -> subprocess.CompletedProcess[bytes]:
    env = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PYTHONIOENCODING": "utf-8",
        **environment,
    }
    command = [sys.executable, "-m", "cnlu", "shell", str(model)]
    return subprocess.run(command, input=typed, capture_output=True, env=env, timeout=PATIENCE)


def test_a_conversation_at_a_terminal(tiny_model: Path, tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    with shell("-m", "cnlu", "shell", tiny_model, XDG_STATE_HOME=state) as talk:
        assert "6 intents" in talk.wait_for(PROMPT)
        answer = talk.ask("明天去北京的票多少钱")
        assert re.search(r"\x1b\[1;3\dm[^\x1b]+\x1b\[0m", answer), "entities are coloured"
        assert "query_price" in answer and "out_of_scope score 0." in answer and " %" in answer
        assert "/top N" in talk.ask("/help")
        talk.ask("/top 1")
        assert len(re.findall(r"[\d.]+ %  █", talk.ask("退票"))) == 1
        talk.ask("/json")
        raw = ANSI.sub("", talk.ask("你好"))
        assert json.loads(raw[raw.index("{\n") :])["text"] == "你好"
        talk.send("/quit")
        assert talk.process.wait(PATIENCE) == 0
    history = tmp_path / "state" / "cnlu" / "history"
    assert history.read_text("utf-8").splitlines()[0].startswith(("明天去北京", "_HiStOrY_V2_"))
    assert history.stat().st_mode & 0o077 == 0 and history.parent.stat().st_mode & 0o077 == 0
    with shell("-m", "cnlu", "shell", tiny_model, XDG_STATE_HOME=state, NO_COLOR="1") as talk:
        talk.wait_for(PROMPT)
        talk.send(b"\x1b[A\x1b[A\x1b[A\n")  # three up: the sentence before /json and the greeting
        answer = talk.wait_for(PROMPT)
        assert "/json" in answer and "raw" not in answer
        assert "\x1b[1;3" not in answer


@pytest.mark.parametrize("key", [b"\x04", b"\x03"], ids=["Ctrl-D", "Ctrl-C"])
@pytest.mark.parametrize("start", [["-m", "cnlu"], ["-c", WITHOUT_READLINE]], ids=["readline", "no readline"])
def test_ctrl_d_and_ctrl_c_end_the_shell(tiny_model: Path, tmp_path: Path, key: bytes, start: list[str]) -> None:
    with shell(*start, "shell", tiny_model, XDG_STATE_HOME=str(tmp_path)) as talk:
        talk.wait_for(PROMPT)
        assert "query_" in talk.ask("明天去上海的车")
        before = termios.tcgetattr(talk.master)[3] & termios.ECHO
        time.sleep(0.5)  # without readline, Python misses a Ctrl-C between its prompt and its read
        talk.send(key)
        output = talk.rest()
        assert talk.process.wait(PATIENCE) == 0
        assert "Traceback" not in output and output.endswith("\n")
        assert before in (0, termios.ECHO) and termios.tcgetattr(talk.master)[3] & termios.ECHO


def test_typed_control_characters_come_back_as_escapes(tiny_model: Path, tmp_path: Path) -> None:
    with shell("-m", "cnlu", "shell", tiny_model, XDG_STATE_HOME=str(tmp_path), NO_COLOR="1") as talk:
        talk.wait_for(PROMPT)
        talk.send(b"\xe5\x8e\xbb\x16\x1b]0;x\x16\x07\x16\x9b31m\n")  # Ctrl-V takes the next key as it is
        shown = talk.wait_for(PROMPT)
        answer = shown[shown.index("\n") :]
        assert "\\x1b]" in answer and "0;x\\x07" in answer  # an entity may begin between them
        assert "\x07" not in answer and "\x1b]" not in shown


def test_with_no_history_nothing_is_written(tiny_model: Path, tmp_path: Path) -> None:
    with shell("-m", "cnlu", "shell", tiny_model, "--no-history", XDG_STATE_HOME=str(tmp_path)) as talk:
        talk.wait_for(PROMPT)
        talk.ask("退票")
    assert list(tmp_path.iterdir()) == []


def test_a_history_that_cannot_be_saved_gets_a_note_and_the_shell_works(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "cnlu").write_text("a file in the way")
    with shell("-m", "cnlu", "shell", tiny_model, XDG_STATE_HOME=str(tmp_path)) as talk:
        assert "the history is not saved" in talk.wait_for(PROMPT)
        assert "refund_ticket" in talk.ask("退票")


def test_lines_pasted_together_are_answered_one_by_one(tiny_model: Path, tmp_path: Path) -> None:
    with shell("-m", "cnlu", "shell", tiny_model, XDG_STATE_HOME=str(tmp_path), NO_COLOR="1") as talk:
        talk.wait_for(PROMPT)
        talk.send("\x1b[200~退票\n你好\x1b[201~".encode() + b"\n")
        talk.wait_for("out_of_scope")
        talk.wait_for("out_of_scope")


def test_a_pipe_gets_only_the_answers(tiny_model: Path) -> None:
    typed = "\ufeff退票\r\n\n  \n去\x1b[31m北京\x07\n/nope\n/top 0\n /help\n/quit\n你好\n".encode()
    done = piped(tiny_model, typed)
    out = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    assert PROMPT not in out and "\x1b" not in out and "\x07" not in out
    assert out.startswith("  退票\n") and "\\x1b" in out and "\\x07" in out
    assert "no command /nope" in out and "/top takes a whole number" in out
    assert "   /help\n" in out and "/top N" not in out, "a line that begins with a space is a sentence"
    assert out.count("out_of_scope score 0.") == 3


def test_bytes_that_are_not_text_do_not_stop_the_shell(tiny_model: Path) -> None:
    done = piped(tiny_model, b"\xff\xfe\x9b\n" + b"\x00" * 3 + "票".encode() * 3000 + b"\nlast")
    assert done.returncode == 0 and done.stdout.decode().count("out_of_scope score 0.") == 3


def test_an_output_without_chinese_gets_escapes(tiny_model: Path) -> None:
    done = piped(tiny_model, "退票\n".encode(), PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and b"\\u9000\\u7968" in done.stdout and b"###" in done.stdout


def test_an_empty_input_ends_without_an_error(tiny_model: Path) -> None:
    assert piped(tiny_model, b"").returncode == 0


def test_a_path_that_is_not_a_model_is_refused(cli: Cli, tmp_path: Path) -> None:
    done = cli("shell", tmp_path / "nowhere")
    assert done.code == 1 and "nowhere" in done.sentence
