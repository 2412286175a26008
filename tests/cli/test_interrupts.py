"""Ctrl-C and SIGTERM at any moment: one message, the exit code of the signal, no files left."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.interrupting import WRITTEN, Inputs, commands, interrupted

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")


@pytest.mark.parametrize(
    ("verb", "after", "number"),
    [
        ("parse", 0.0, signal.SIGINT),
        ("check", 0.05, signal.SIGINT),
        ("train", 0.2, signal.SIGINT),
        ("serve", 0.4, signal.SIGINT),
        ("split", 0.02, signal.SIGTERM),
        ("train", 1.5, signal.SIGTERM),
    ],
)
def test_an_interrupt_during_startup_is_a_message(
    tiny_data: Path, tiny_model: Path, verb: str, after: float, number: int
) -> None:
    inputs = Inputs(tiny_data, tiny_model, Path("none"), Path("none"), Path("none"))
    assert interrupted(commands(inputs)[verb], WRITTEN.get(verb, set()), after, number) == []


@pytest.mark.slow
def test_random_interrupts_of_every_long_command_leave_nothing(
    tiny_data: Path, tiny_model: Path, tiny_bert: Path, checkout: Path, tmp_path: Path
) -> None:
    from cnlu.cli import main

    text, corpus = checkout / "corpora" / "railway" / "text", tmp_path / "corpus"
    assert main(["pretrain", "prepare", str(text), "--out", str(corpus), "--encoder", str(tiny_bert)]) == 0
    every = commands(Inputs(tiny_data, tiny_model, tiny_bert, corpus, sorted(text.glob("*.txt"))[0]))
    chance = random.Random(7)
    for turn in range(24):
        verb = list(every)[turn % len(every)]
        after, number = chance.choice([1, 8]) * chance.random(), chance.choice([signal.SIGINT, signal.SIGTERM])
        assert interrupted(every[verb], WRITTEN.get(verb, set()), after, number) == [], (verb, after, number)


PROGRAM = """
import gc, os, signal, sys, time, weakref
from cnlu import interrupts

class Thing: pass

def press(number=signal.SIGINT):
    os.kill(os.getpid(), number)
    for _ in range(100): pass

def wait():
    until = time.monotonic() + 20
    while time.monotonic() < until: time.sleep(0.01)

interrupts.listen()
interrupts.begin()
try:
    {body}
except interrupts.Stop as stop:
    sys.exit(interrupts.stopped(stop.number))
finally:
    interrupts.end()
"""


def run(body: str) -> tuple[int, str, str]:
    program = PROGRAM.format(body=textwrap.indent(textwrap.dedent(body), "    ").strip())
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr.strip()


def test_an_interrupt_that_python_loses_is_raised_again() -> None:
    in_a_callback = "thing = Thing()\nref = weakref.ref(thing, lambda _: press())\ndel thing\nwait()"
    swallowed = "try:\n    press()\nexcept BaseException:\n    pass\nwait()"
    turned = "try:\n    press()\nexcept BaseException:\n    [].append(1)\nhasattr(Thing, 'x')\nwait()"
    for body in (in_a_callback, swallowed, turned):
        assert run(body) == (130, "", "cnlu: stopped.")


def test_further_interrupts_do_not_stop_the_cleanup() -> None:
    body = """
    try:
        press(signal.SIGTERM)
    finally:
        try:
            {}["no"]
        except KeyError:
            time.sleep(0.7)
        print("cleaned")
    """
    assert run(body) == (143, "cleaned\n", "cnlu: stopped.")


def test_nothing_interrupts_after_the_message() -> None:
    body = """
    try:
        press()
    except interrupts.Stop as stop:
        code = interrupts.stopped(stop.number)
    press()
    time.sleep(0.5)
    sys.exit(code)
    """
    assert run(body) == (130, "", "cnlu: stopped.")


def test_an_interrupt_waits_for_the_end_of_a_block_that_defers_signals() -> None:
    assert run("with interrupts.defer_signals():\n    press()\n    print('done')\nprint('never')") == (
        130,
        "done\n",
        "cnlu: stopped.",
    )


def test_before_any_work_the_process_ends_at_once() -> None:
    body = "with interrupts.exit_immediately():\n    try:\n        press()\n    finally:\n        print('unwound')"
    assert run(body) == (130, "", "cnlu: stopped.")


def test_child_processes_ignore_ctrl_c() -> None:
    body = """
    import subprocess
    with interrupts.block_sigint_in_children():
        child = subprocess.Popen([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGINT)"])
    sys.exit(child.wait())
    """
    assert run(body)[0] == 0
    spawned = """
    import multiprocessing
    child = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(0.5,))
    with interrupts.block_sigint_in_children():
        child.start()
    os.kill(child.pid, signal.SIGINT)
    child.join()
    sys.exit(child.exitcode)
    """
    assert run(spawned) == (0, "", "")


def test_a_signal_that_was_ignored_from_the_start_stays_ignored() -> None:
    program = (
        "import signal; from cnlu import interrupts; interrupts.listen(); "
        "print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert done.stdout == "True\n"


def test_ctrl_c_in_the_shell_is_not_a_failure(process: Callable[..., Any], tiny_model: Path) -> None:
    with process("shell", tiny_model, stdin=subprocess.PIPE) as running:
        running.stdin.write("退票\n".encode())
        running.stdin.flush()
        assert running.stdout.readline()
        running.send_signal(signal.SIGINT)
        assert running.communicate(timeout=60)[1] == b"" and running.returncode == 0


def test_an_interrupt_does_not_wait_for_a_reader_that_reads_nothing(
    process: Callable[..., Any], tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "in.txt").write_text("退票\n" * 2000, "utf-8")
    with process("parse", tiny_model, "--input", "in.txt") as running:
        assert running.stdout.readline()
        time.sleep(1)  # until the pipe is full
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=60) == 130
        assert running.stderr.read().decode().strip() == "cnlu: stopped."


@pytest.mark.parametrize("verb", ["parse", "--help", "convert"])
def test_a_closed_pipe_is_not_a_traceback(
    process: Callable[..., Any], tiny_model: Path, tmp_path: Path, verb: str
) -> None:
    (tmp_path / "in.txt").write_text("退票\n" * 500, "utf-8")
    (tmp_path / "in.csv").write_text("text,intent\n" + "退票,a\n" * 20_000, "utf-8")
    arguments = {
        "parse": ["parse", tiny_model, "--input", "in.txt"],
        "--help": ["--help"],
        "convert": ["convert", "in.csv", "--to", "jsonl"],
    }[verb]
    with process(*arguments) as running:
        if verb == "parse":
            assert running.stdout.readline()
        running.stdout.close()
        stderr = running.stderr.read().decode()
    assert "Traceback" not in stderr and "Exception" not in stderr and "BrokenPipe" not in stderr


def test_an_interrupt_before_the_first_shard_leaves_no_corpus(
    process: Callable[..., Any], tiny_bert: Path, checkout: Path, tmp_path: Path
) -> None:
    text = shutil.copytree(checkout / "corpora" / "railway" / "text", tmp_path / "text")
    with process("pretrain", "prepare", text, "--out", "corpus", "--encoder", tiny_bert) as running:
        while not (tmp_path / "corpus.part").exists() and running.poll() is None:
            time.sleep(0.001)
        running.send_signal(signal.SIGINT)
        stderr = running.communicate(timeout=60)[1].decode()
    left = {path.name for path in tmp_path.iterdir()} - {"text"}
    assert running.returncode == 130 and (left == set() or (left == {"corpus.part"} and "--resume" in stderr))


@pytest.mark.parametrize("place", ["mkdtemp", "rmtree"])
def test_an_interrupt_while_a_temporary_folder_is_made_or_removed_leaves_none(tmp_path: Path, place: str) -> None:
    body = f"""
    import shutil, tempfile
    from cnlu.io import temporary
    mkdtemp, rmtree = tempfile.mkdtemp, shutil.rmtree
    def make(prefix, dir):
        folder = mkdtemp(dir={str(tmp_path)!r})
        if {place!r} == "mkdtemp": press()
        return folder
    def remove(folder, ignore_errors):
        if {place!r} == "rmtree": press()
        rmtree(folder)
    tempfile.mkdtemp, shutil.rmtree = make, remove
    with temporary.scratch_folder() as folder:
        (folder / "file").write_text("x")
    """
    assert run(body)[0] == 130 and list(tmp_path.iterdir()) == []


def test_a_signal_after_the_end_of_a_command_is_one_message_and_an_exit_code() -> None:
    program = PROGRAM.format(body="    pass") + "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(20)\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.strip()) == (143, "cnlu: stopped.")
