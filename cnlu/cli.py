"""The one command line. Each verb imports what it needs when it runs, so `cnlu parse` never touches torch."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cnlu
from cnlu.data.wording import encodable as _encodable
from cnlu.errors import CnluError, UsageError

if TYPE_CHECKING:
    from cnlu.config import Config
    from cnlu.evaluation.study import Study
    from cnlu.training.request import Request

PARSE_BATCH = 64  # lines of an input file parsed together


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. A user's mistake is one sentence on standard error, no traceback."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except CnluError as error:
        print(f"cnlu: {_encodable(str(error))}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output went away: nobody is left to tell
        _drop_output()
        return 1
    except OSError as error:  # what no room foresaw: a path too long, a full disk behind standard output
        place = error.filename if error.filename is not None else "the output"
        reason = error.strerror or type(error).__name__
        print(f"cnlu: {_encodable(str(place))}: {reason}; choose another place or free this one.", file=sys.stderr)
        _drop_output()
        return 1
    except KeyboardInterrupt:
        print("\ncnlu: stopped.", file=sys.stderr)
        return 130


def _drop_output() -> None:
    """What is still buffered for standard output cannot be delivered; Python would complain at its end."""
    with contextlib.suppress(AttributeError, OSError):  # no output at all, or none of the system's
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    from cnlu.data.cli import add_split
    from cnlu.shell.cli import add_shell
    from cnlu.starter.cli import add_init

    parser = argparse.ArgumentParser(
        prog="cnlu", description="Chinese NLU for dialogue: intent and entities."
    )
    parser.add_argument("--version", action="version", version=f"cnlu {cnlu.__version__}")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_check(verbs.add_parser("check", help="find what is wrong in examples before training"))
    add_init(verbs.add_parser("init", help="a starter project: examples, settings, a test file, a README"))
    add_split(verbs.add_parser("split", help="divide examples into train, dev and test"))
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
    parser.add_argument("--from", dest="origin", metavar="MODEL",
                        help="go on from a trained model; DATA may have new intents and entity types")  # fmt: skip
    parser.add_argument("--no-store-examples", action="store_true",
                        help="keep no examples in the model directory; a later --from then forgets more")  # fmt: skip
    _add_training(parser)
    parser.set_defaults(run=_train)


def _add_training(parser: argparse.ArgumentParser) -> None:
    """What every verb that trains a model to keep takes."""
    _add_settings(parser)
    parser.add_argument("--int8", action="store_true", help="store the encoder in 8 bits: smaller, faster on a CPU")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted training")
    parser.add_argument("--force", action="store_true", help="replace the model at --out")


def _add_settings(parser: argparse._ActionsContainer) -> None:
    """How every training is told what to do."""
    parser.add_argument("--config", metavar="F.yaml", help="settings; a file, or the name of a shipped one")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides",
                        help="override one setting, for example model.layers=1")  # fmt: skip
    parser.add_argument("--seed", type=int, metavar="N", help="fixes everything random (default 1)")
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
    parser.add_argument("--max-texts", type=int, default=50_000, metavar="N", help="most sentences (default 50000)")
    parser.add_argument(
        "--temperature", type=float, default=2.0, metavar="T", help="of the intents: the higher, the softer (default 2)"
    )
    parser.add_argument(
        "--hidden", type=float, metavar="W", help="weight of the encoders' hidden states in the loss (default 1)"
    )
    parser.add_argument(
        "--copies",
        type=int,
        default=0,
        metavar="N",
        help="learn from N copies of each annotated sentence too, with other values of its entities (default 0)",
    )
    _add_training(parser)
    parser.set_defaults(run=_distill)


def _add_pretrain(parser: argparse.ArgumentParser) -> None:
    from pretrain.cli import add_verbs

    add_verbs(parser)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    from cnlu.evaluation.cli import add_evaluate

    _add_settings(add_evaluate(parser))
    parser.set_defaults(run=_evaluate)


def _add_parse(parser: argparse.ArgumentParser) -> None:
    parser.description = "Parse sentences; one JSON object for each, in order."
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("text", nargs="*", metavar="TEXT", help="a sentence")
    parser.add_argument("--input", metavar="F.txt", help="a file with a sentence a line; - reads standard input")
    parser.set_defaults(run=_parse)


def _add_serve(parser: argparse.ArgumentParser) -> None:
    from cnlu.server.cli import add_serve

    add_serve(parser)


def _add_check(parser: argparse.ArgumentParser) -> None:
    from cnlu.check.cli import add_check

    add_check(parser)


def _train(arguments: argparse.Namespace) -> int:
    with _training_installed():
        from cnlu.training.growth import grow
        from cnlu.training.train import train
    if arguments.origin is None:
        train(_request(arguments, arguments.encoder), say=_say)
    else:
        grow(Path(arguments.origin), _request(arguments, arguments.encoder), say=_say)
    return 0


def _distill(arguments: argparse.Namespace) -> int:
    with _training_installed():
        from cnlu.training.distill import Distillation, distill
    wish = Distillation(Path(arguments.model), arguments.student, arguments.max_texts, arguments.temperature,
                        arguments.hidden, arguments.copies)  # fmt: skip
    distill(wish, _request(arguments, None if arguments.student == "none" else arguments.student), say=_say)
    return 0


@contextlib.contextmanager
def _training_installed() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise UsageError(f"Training needs {error.name}, which is not installed; install it with: "
                         "pip install 'cnlu[train]'.") from error  # fmt: skip


def _request(arguments: argparse.Namespace, encoder: str | None) -> Request:
    """What was asked of a verb that trains a model to keep, its settings read."""
    from cnlu.training.request import Request

    return Request(arguments.data, Path(arguments.out), _config(arguments, encoder), arguments.dev, encoder,
                   arguments.int8, arguments.device, arguments.resume, arguments.force,
                   store_examples=not getattr(arguments, "no_store_examples", False))  # fmt: skip


def _config(arguments: argparse.Namespace, encoder: str | None) -> Config:
    from cnlu.config_files import find_config, load_config
    from cnlu.runtime.model_dir import has_encoder

    origin = getattr(arguments, "origin", None)
    encoded = encoder is not None or (origin is not None and has_encoder(origin))
    return load_config(find_config(arguments.config), arguments.overrides, arguments.seed, encoded)


def _say(line: str) -> None:
    print(_encodable(line), file=sys.stderr, flush=True)


def _evaluate(arguments: argparse.Namespace) -> int:
    from cnlu.evaluation.cli import check_evaluate, evaluate_model, finish

    check_evaluate(arguments)
    study = _cross_validate(arguments) if arguments.cross_validate else evaluate_model(arguments.paths, _say)
    print(_encodable(finish(study, arguments.out, arguments.force, _say)))
    return 0


def _cross_validate(arguments: argparse.Namespace) -> Study:
    with _training_installed():
        from cnlu.training.cross_validate import CrossValidation, cross_validate
    wish = CrossValidation(arguments.paths, arguments.cross_validate, _config(arguments, arguments.encoder),
                           arguments.encoder, arguments.device)  # fmt: skip
    return cross_validate(wish, say=_say)


def _parse(arguments: argparse.Namespace) -> int:
    if bool(arguments.text) == (arguments.input is not None):
        raise UsageError("Give either sentences or --input FILE (- for standard input).")
    model = cnlu.load(arguments.model)
    for batch in _batches(arguments.text or _lines(arguments.input), 1 if arguments.input == "-" else PARSE_BATCH):
        _print_results(model.parse_batch(batch))
    return 0


def _batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """Up to `size` texts at a time; what was read before an unreadable line still comes out."""
    batch: list[str] = []
    try:
        for text in texts:
            batch.append(text)
            if len(batch) == size:
                yield batch
                batch = []
    except CnluError:
        yield batch
        raise
    yield batch


def _print_results(results: list[dict[str, object]]) -> None:
    for result in results:
        line = json.dumps(result, ensure_ascii=False)
        if not _can_encode(line):  # lone surrogates, or a terminal without Chinese
            line = json.dumps(result)
        print(line, flush=True)


def _lines(source: str) -> Iterator[str]:
    """Sentences of a file or of standard input, without their line ends; a byte order mark is not text."""
    from cnlu.errors import DataError

    try:
        if source == "-" and sys.stdin is None:
            raise UsageError("--input -: standard input is closed; name a file.")
        stream = sys.stdin.buffer if source == "-" else open(source, "rb")  # noqa: SIM115
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({error.strerror}); check --input.") from error
    with stream:
        for number, line in enumerate(stream, 1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{source}:{number}: not UTF-8; convert the file, for example with iconv."
                ) from error
            yield text.rstrip("\r\n")


def _can_encode(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
