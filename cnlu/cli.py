"""The one command line. Each verb imports what it needs when it runs, so `cnlu parse` never touches torch."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

import cnlu
from cnlu import interrupts
from cnlu.config.setting import SEEDS, real, whole
from cnlu.errors import CnluError, UsageError
from cnlu.extras import needed_for
from cnlu.io.messages import encodable as _encodable
from cnlu.paths import check_paths

if TYPE_CHECKING:
    from cnlu.config import Config
    from cnlu.evaluation.report_data import ReportData
    from cnlu.training.request import Request


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. A user's mistake is one sentence on standard error, no traceback."""
    try:
        arguments = _parser().parse_args(argv)
        check_paths(arguments)
        interrupts.begin()
        code = int(arguments.run(arguments))
        _flush()
        return code
    except KeyboardInterrupt as stop:
        return _stopped(getattr(stop, "number", signal.SIGINT))
    except (Exception, SystemExit) as error:
        if (number := interrupts.heard()) is not None:  # an import, or C code, made another error of the interrupt
            return _stopped(number)
        return _told(error)


def _stopped(number: int) -> int:
    """What is still buffered is given up: whoever should read it may not, and the end must not wait for that."""
    if sys.stdout is not None:
        _to_nowhere(sys.stdout)
    return interrupts.stopped(number)


def _told(error: Exception | SystemExit) -> int:
    """Says what was wrong, for a user; raises what is nobody's mistake but ours."""
    if isinstance(error, CnluError):
        _complain(str(error))
        return error.exit_code
    if isinstance(error, BrokenPipeError):  # the reader of our output went away: nobody is left to tell
        _drop_output()
        return 1
    if isinstance(error, OSError):  # what no room foresaw: a path too long, a full disk behind standard output
        place = error.filename if error.filename is not None else "the output"
        _complain(f"{place}: {error.strerror or type(error).__name__}; choose another place or free this one.")
        _drop_output()
        return 1
    if isinstance(error, SystemExit):  # argparse has shown its help, or said what is wrong
        try:
            _flush()
        except BrokenPipeError:
            _drop_output()
    raise error


def _complain(sentence: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(f"cnlu: {_encodable(sentence)}", file=sys.stderr, flush=True)


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _drop_output() -> None:
    """What is still buffered for the outputs cannot be delivered; Python would complain at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, ValueError):  # no output at all, or closed
            continue
        except OSError:
            _to_nowhere(stream)


def _to_nowhere(stream: TextIO) -> None:
    with contextlib.suppress(AttributeError, OSError, ValueError):  # none of the system's
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments as everything else is said: in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see `{self.prog} --help`.")


def _parser() -> argparse.ArgumentParser:
    from cnlu.convert.cli import add_convert
    from cnlu.data.cli import add_split
    from cnlu.shell.cli import add_shell
    from cnlu.starter.cli import add_init

    parser = _Parser(prog="cnlu", description="Chinese NLU for dialogue: intent and entities.")
    parser.add_argument("--version", action="version", version=f"cnlu {cnlu.__version__}")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_check(verbs.add_parser("check", help="find what is wrong in examples before training"))
    add_init(verbs.add_parser("init", help="a starter project: examples, settings, a test file, a README"))
    add_split(verbs.add_parser("split", help="divide examples into train, dev and test"))
    add_convert(verbs.add_parser("convert", help="turn examples of another tool into YAML or JSONL"))
    _add_train(verbs.add_parser("train", help="train a model from YAML or JSONL examples"))
    _add_distill(verbs.add_parser("distill", help="let a model teach a smaller one from sentences alone"))
    _add_pretrain(verbs.add_parser("pretrain", help="continue an encoder's pretraining on text of your own"))
    _add_evaluate(verbs.add_parser("evaluate", help="measure a model on examples it has not seen"))
    _add_parse(verbs.add_parser("parse", help="intent and entities of sentences, one JSON object a line"))
    add_shell(verbs.add_parser("shell", help="try sentences on a model, one after the other"))
    _add_serve(verbs.add_parser("serve", help="serve a model over HTTP, for programs, for Rasa and for people"))
    return parser


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.description = "Train a model. DATA: Rasa NLU YAML files, JSONL files, or folders of them."
    parser.add_argument("data", nargs="+", metavar="DATA")
    parser.add_argument("--out", required=True, metavar="MODEL", help="the model directory to write")
    parser.add_argument(
        "--dev",
        action="append",
        default=[],
        metavar="DATA",
        help="examples for early stopping and calibration (default: a tenth, split off)",
    )
    parser.add_argument("--encoder", metavar="DIR|NAME", help="a pretrained encoder to build on: directory or hub name")
    parser.add_argument(
        "--from",
        dest="origin",
        metavar="MODEL",
        help="go on from a trained model; DATA may have new intents and entity types",
    )
    parser.add_argument(
        "--no-store-examples",
        action="store_true",
        help="keep no examples in the model directory; a later --from then forgets more",
    )
    _add_training(parser)
    parser.set_defaults(run=_train)


def _add_training(parser: argparse.ArgumentParser) -> None:
    """What every verb that trains a model to keep takes."""
    _add_settings(parser)
    parser.add_argument("--int8", action="store_true", help="store the encoder in 8 bits: smaller, faster on a CPU")
    parser.add_argument(
        "--no-store-weights",
        action="store_true",
        help="leave network.safetensors out of the model directory: about 1.4 MB less, but --from cannot continue the "
        "model; parsing is the same",
    )
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted training")
    parser.add_argument("--force", action="store_true", help="replace the model at --out")


def _add_settings(parser: argparse._ActionsContainer) -> None:
    """How every training is told what to do."""
    parser.add_argument("--config", metavar="F.yaml", help="settings; a file, or the name of a shipped one")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override one setting, for example model.layers=1",
    )
    parser.add_argument("--seed", type=whole(0, SEEDS), metavar="N", help="fixes everything random (default 1)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: CUDA when there is one")


def _add_distill(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "MODEL, the teacher, teaches a smaller model its answers to sentences. TEXT: .txt with a sentence a line, also "
        ".txt.gz and .txt.xz; DATA: as in train, without its annotations."
    )
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("--data", nargs="+", required=True, metavar="TEXT|DATA", help="the sentences")
    parser.add_argument("--out", required=True, metavar="MODEL", help="the student's model directory to write")
    parser.add_argument(
        "--student",
        default="none",
        metavar="none|layers=N|DIR",
        help="without an encoder (default), on N layers of the teacher's, or on another: a directory or a hub name",
    )
    parser.add_argument(
        "--dev",
        action="append",
        default=[],
        metavar="DATA",
        help="annotated examples for early stopping and calibration (default: a tenth of the sentences, at most 1,000, "
        "with the teacher's answers)",
    )
    add = parser.add_argument
    add("--max-texts", type=whole(1), default=50_000, metavar="N", help="most sentences (default 50000)")
    add(
        "--temperature",
        type=real(0.1, 100),
        default=2.0,
        metavar="T",
        help="of the intents: the higher, the softer (default 2)",
    )
    add(
        "--hidden",
        type=real(0, 1000),
        metavar="W",
        help="weight of the encoders' hidden states in the loss (default 1)",
    )
    add(
        "--copies",
        type=whole(0, 1000),
        default=0,
        metavar="N",
        help="learn from N copies of each annotated sentence, its entities with other values (default 0)",
    )
    _add_training(parser)
    parser.set_defaults(run=_distill)


def _add_pretrain(parser: argparse.ArgumentParser) -> None:
    from cnlu_pretrain.cli import add_verbs

    add_verbs(parser)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    from cnlu.evaluation.cli import add_evaluate

    _add_settings(add_evaluate(parser))
    parser.set_defaults(run=_evaluate)


def _add_parse(parser: argparse.ArgumentParser) -> None:
    from cnlu.runtime.cli import add_parse

    add_parse(parser)


def _add_serve(parser: argparse.ArgumentParser) -> None:
    from cnlu.server.cli import add_serve

    add_serve(parser)


def _add_check(parser: argparse.ArgumentParser) -> None:
    from cnlu.check.cli import add_check

    add_check(parser)


def _train(arguments: argparse.Namespace) -> int:
    with needed_for("Training", "train"):
        from cnlu.training.continue_training import continue_training
        from cnlu.training.train import train
    if arguments.origin is None:
        train(_request(arguments, arguments.encoder), log=_say)
    else:
        continue_training(Path(arguments.origin), _request(arguments, arguments.encoder), log=_say)
    return 0


def _distill(arguments: argparse.Namespace) -> int:
    with needed_for("Training", "train"):
        from cnlu.training.distill import Distillation, distill
    options = Distillation(
        Path(arguments.model),
        arguments.student,
        arguments.max_texts,
        arguments.temperature,
        arguments.hidden,
        arguments.copies,
    )
    distill(options, _request(arguments, None if arguments.student == "none" else arguments.student), log=_say)
    return 0


def _request(arguments: argparse.Namespace, encoder: str | None) -> Request:
    """What was asked of a verb that trains a model to keep, its settings read."""
    from cnlu.training.request import Request

    return Request(
        arguments.data,
        Path(arguments.out),
        _config(arguments, encoder),
        arguments.dev,
        encoder,
        arguments.int8,
        arguments.device,
        arguments.resume,
        arguments.force,
        store_examples=not getattr(arguments, "no_store_examples", False),
        store_weights=not arguments.no_store_weights,
    )


def _config(arguments: argparse.Namespace, encoder: str | None) -> Config:
    from cnlu.config.files import find_config, load_config
    from cnlu.runtime.model_dir import has_encoder

    origin = getattr(arguments, "origin", None)
    encoded = encoder is not None or (origin is not None and has_encoder(origin))
    return load_config(find_config(arguments.config), arguments.overrides, arguments.seed, encoded)


def _say(line: str) -> None:
    print(_encodable(line), file=sys.stderr, flush=True)


def _evaluate(arguments: argparse.Namespace) -> int:
    from cnlu.evaluation.cli import check_evaluate, evaluate_model, finish

    check_evaluate(arguments)
    report_data = _cross_validate(arguments) if arguments.cross_validate else evaluate_model(arguments.paths, _say)
    print(_encodable(finish(report_data, arguments.out, arguments.force, _say)))
    return 0


def _cross_validate(arguments: argparse.Namespace) -> ReportData:
    with needed_for("Training", "train"):
        from cnlu.training.cross_validate import CrossValidation, cross_validate
    options = CrossValidation(
        arguments.paths,
        arguments.cross_validate,
        _config(arguments, arguments.encoder),
        arguments.encoder,
        arguments.device,
    )
    return cross_validate(options, log=_say)
