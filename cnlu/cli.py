"""The one command line. Each verb imports what it needs when it runs, so `cnlu parse` never touches torch."""

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
    """Run one command; returns the exit code. A user's mistake is one sentence on standard error, no traceback."""
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
        if (
            number := interrupts.received_signal()
        ) is not None:  # an import, or C code, made another error of the interrupt
            return _stopped(number)
        return _failed(error)


def _complete(parser: argparse.ArgumentParser) -> None:
    """Answers the shell's question how a command may go on, and ends the process; needs cnlu[completion]."""
    with contextlib.suppress(ImportError):
        import argcomplete

        argcomplete.autocomplete(parser)


def _stopped(number: int) -> int:
    """Gives up buffered output, which nobody may read any more: the end must not wait for it."""
    if sys.stdout is not None:
        _to_nowhere(sys.stdout)
    return interrupts.stopped(number)


def _failed(error: Exception | SystemExit) -> int:
    """Prints an error that the user can fix and returns the exit code; raises any other again."""
    if isinstance(error, CnluError):
        _complain(str(error))
        return error.exit_code
    if isinstance(error, BrokenPipeError):  # the reader of our output is gone: nobody would read a message
        _drop_output()
        return 1
    if isinstance(error, OSError):  # not handled elsewhere: a path too long, a full disk behind standard output
        place = error.filename if error.filename is not None else _("the output")
        fix = _("choose another place or free this one")
        _complain(str(CnluError(place, error.strerror or type(error).__name__, fix)))
        _drop_output()
        return 1
    if isinstance(error, SystemExit):  # argparse has shown its help or the version
        try:
            _flush()
        except BrokenPipeError:
            _drop_output()
    raise error


def _complain(sentence: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(f"cnlu: {encodable(sentence)}", file=sys.stderr, flush=True)


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _drop_output() -> None:
    """Drops buffered output that cannot be delivered; Python would complain at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, ValueError):  # no output at all, or closed
            continue
        except OSError:
            _to_nowhere(stream)


def _to_nowhere(stream: TextIO) -> None:
    with contextlib.suppress(AttributeError, OSError, ValueError):  # not a file of the system
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
    """Switches the language as soon as the option is read, for the errors in what follows it too."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: object) -> None:
        use_language(values)


def _parser() -> argparse.ArgumentParser:
    """The command line with all verbs; each room adds the options of its own."""
    from cnlu.check.cli import add_check
    from cnlu.convert.cli import add_convert
    from cnlu.data.cli import add_split
    from cnlu.evaluate_cli import add_evaluate
    from cnlu.runtime.cli import add_parse
    from cnlu.server.cli import add_serve
    from cnlu.shell.cli import add_shell
    from cnlu.starter.cli import add_init
    from cnlu.training.cli import add_distill, add_train
    from cnlu_pretrain.cli import add_verbs as add_pretrain

    parser = _Parser(prog="cnlu", description="Chinese NLU for dialogue: intent and entities.")
    parser.add_argument("--version", action="version", version=f"cnlu {cnlu.__version__}")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_check(verbs.add_parser("check", help="find what is wrong in examples before training"))
    add_init(verbs.add_parser("init", help="a starter project: examples, settings, a test file, a README"))
    add_split(verbs.add_parser("split", help="split examples into train, dev and test"))
    add_convert(verbs.add_parser("convert", help="turn examples of another tool into YAML or JSONL"))
    add_train(verbs.add_parser("train", help="train a model from YAML or JSONL examples"))
    add_distill(verbs.add_parser("distill", help="let a model teach a smaller one from sentences alone"))
    add_pretrain(verbs.add_parser("pretrain", help="continue an encoder's pretraining on text of your own"))
    add_evaluate(verbs.add_parser("evaluate", help="measure a model on examples it has not seen"))
    add_parse(verbs.add_parser("parse", help="intent and entities of sentences, one JSON object a line"))
    add_shell(verbs.add_parser("shell", help="try sentences on a model, one after the other"))
    add_serve(verbs.add_parser("serve", help="serve a model over HTTP, for programs, for Rasa and for people"))
    return parser
