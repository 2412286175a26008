"""The command line of cnlu. Each verb imports what it needs when it runs, so `cnlu parse` never imports torch."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, TextIO

import cnlu
from cnlu import interrupts
from cnlu.errors import CnluError, UsageError
from cnlu.i18n import LANGUAGES, _, use_language
from cnlu.io.messages import encodable
from cnlu.paths import check_paths


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. A user's mistake prints one sentence on standard error, no traceback."""
    try:
        use_language()
        parser = _parser()
        if "_ARGCOMPLETE" in os.environ:
            _complete(parser)
        arguments = parser.parse_args(argv)
        check_paths(arguments)
        interrupts.begin()
        code = int(arguments.run(arguments))
        _flush()
        return code
    except KeyboardInterrupt as stop:
        return _stopped(getattr(stop, "number", signal.SIGINT))
    except (Exception, SystemExit) as error:
        number = interrupts.received_signal()
        if number is not None:  # an import, or C code, replaced the interrupt by another exception
            return _stopped(number)
        return _failed(error)


def _complete(parser: argparse.ArgumentParser) -> None:
    """Answers the shell's request for completions and ends the process; does nothing without cnlu[completion]."""
    with contextlib.suppress(ImportError):
        import argcomplete

        argcomplete.autocomplete(parser)


def _stopped(number: int) -> int:
    """Discards buffered output, so that exiting does not wait for a reader; returns the exit code."""
    if sys.stdout is not None:
        _redirect_to_null(sys.stdout)
    return interrupts.stopped(number)


def _failed(error: Exception | SystemExit) -> int:
    """Prints an error that the user can fix and returns the exit code; reraises any other."""
    if isinstance(error, CnluError):
        _print_error(str(error))
        return error.exit_code
    if isinstance(error, BrokenPipeError):  # the reader has closed the pipe, so a message would not arrive either
        _drop_output()
        return 1
    if isinstance(
        error, OSError
    ):  # not handled elsewhere, such as a path that is too long or a full disk behind standard output
        place = error.filename if error.filename is not None else _("the output")
        fix = _("choose another place or free this one")
        _print_error(str(CnluError(place, error.strerror or type(error).__name__, fix)))
        _drop_output()
        return 1
    if isinstance(error, SystemExit):  # argparse has shown its help or the version
        try:
            _flush()
        except BrokenPipeError:
            _drop_output()
    raise error


def _print_error(sentence: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(f"cnlu: {encodable(sentence)}", file=sys.stderr, flush=True)


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _drop_output() -> None:
    """Discards buffered output that cannot be written; Python would report it at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, ValueError):  # no output at all, or closed
            continue
        except OSError:
            _redirect_to_null(stream)


def _redirect_to_null(stream: TextIO) -> None:
    with contextlib.suppress(AttributeError, OSError, ValueError):  # not backed by a file descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _Parser(argparse.ArgumentParser):
    """The parser of the command and of each verb: all take `--lang`, and a mistake is a UsageError."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.add_argument(
            "--lang",
            choices=LANGUAGES,
            action=_UseLanguage,
            default=argparse.SUPPRESS,
            help="language of the messages (default: CNLU_LANG, else the locale)",
        )

    def error(self, message: str) -> NoReturn:
        raise UsageError("", message, _("see `{command}`", command=f"{self.prog} --help"))


class _UseLanguage(argparse.Action):
    """Switches the language as soon as the option is parsed, so that errors in later options use it too."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: object) -> None:
        use_language(values)


def _parser() -> argparse.ArgumentParser:
    """The command line with all verbs; each room adds the options of its verbs."""
    from cnlu.check.cli import add_check
    from cnlu.convert.cli import add_convert
    from cnlu.data.cli import add_split
    from cnlu.evaluate_cli import add_evaluate
    from cnlu.runtime.cli import add_parse
    from cnlu.server.cli import add_serve
    from cnlu.shell.cli import add_shell
    from cnlu.starter.cli import add_init
    from cnlu.training.cli import add_distill, add_train
    from cnlu_pretrain.cli import add_adapt
    from cnlu_pretrain.cli import add_verbs as add_pretrain

    parser = _Parser(prog="cnlu", description="Chinese NLU for dialogue: intent and entities.")
    parser.add_argument("--version", action="version", version=f"cnlu {cnlu.__version__}")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_check(verbs.add_parser("check", help="find problems in the examples before training"))
    add_init(verbs.add_parser("init", help="create a starter project: examples, settings, a test file, a README"))
    add_split(verbs.add_parser("split", help="split examples into train, dev and test"))
    add_convert(verbs.add_parser("convert", help="convert examples of another tool to YAML or JSONL"))
    add_train(verbs.add_parser("train", help="train a model from YAML or JSONL examples"))
    add_distill(verbs.add_parser("distill", help="train a smaller model on a model's answers to unlabelled sentences"))
    add_pretrain(verbs.add_parser("pretrain", help="continue the pretraining of an encoder on your own text"))
    add_adapt(verbs.add_parser("adapt", help="adapt an encoder to your text, and keep it if models on it get better"))
    add_evaluate(verbs.add_parser("evaluate", help="evaluate a model on examples that it has not seen"))
    add_parse(verbs.add_parser("parse", help="find intent and entities of sentences, one JSON object per line"))
    add_shell(verbs.add_parser("shell", help="try a model interactively"))
    add_serve(verbs.add_parser("serve", help="serve a model over HTTP, for programs, Rasa and people"))
    return parser
