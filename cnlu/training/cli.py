"""The options of `cnlu train` and `cnlu distill`; what trains is imported when it runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cnlu.config.options import add_settings
from cnlu.config.setting import real, whole
from cnlu.extras import needed_for
from cnlu.io.messages import encodable

if TYPE_CHECKING:
    from cnlu.config import Config
    from cnlu.training.request import Request


def add_train(parser: argparse.ArgumentParser) -> None:
    """Describes the verb to the parser of the command line."""
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
    """Adds the options of every verb that writes a model."""
    add_settings(parser)
    parser.add_argument("--int8", action="store_true", help="store the encoder in 8 bits: smaller, faster on a CPU")
    parser.add_argument(
        "--no-store-weights",
        action="store_true",
        help="leave network.safetensors out of the model directory: about 1.4 MB less, but --from cannot continue the "
        "model; parsing is the same",
    )
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted training")
    parser.add_argument("--force", action="store_true", help="replace the model at --out")


def add_distill(parser: argparse.ArgumentParser) -> None:
    """Describes the verb to the parser of the command line."""
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
    _add_distillation(parser.add_argument)
    _add_training(parser)
    parser.set_defaults(run=_distill)


def _add_distillation(add: Callable[..., argparse.Action]) -> None:
    """Adds the options that say how the student learns."""
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


def _train(arguments: argparse.Namespace) -> int:
    with needed_for("Training", "train"):
        from cnlu.training.continue_training import continue_training
        from cnlu.training.train import train
    if arguments.origin is None:
        train(_request(arguments, arguments.encoder), log=log_to_stderr)
    else:
        continue_training(Path(arguments.origin), _request(arguments, arguments.encoder), log=log_to_stderr)
    return 0


def _distill(arguments: argparse.Namespace) -> int:
    with needed_for("Training", "train"):
        from cnlu.training.distill import Distillation, distill
    options = Distillation(
        Path(arguments.model),
        arguments.student,
        max_texts=arguments.max_texts,
        temperature=arguments.temperature,
        hidden=arguments.hidden,
        copies=arguments.copies,
    )
    distill(options, _request(arguments, None if arguments.student == "none" else arguments.student), log=log_to_stderr)
    return 0


def _request(arguments: argparse.Namespace, encoder: str | None) -> Request:
    """The request of a verb that writes a model, with its settings read."""
    from cnlu.training.request import Request

    return Request(
        arguments.data,
        Path(arguments.out),
        read_config(arguments, encoder),
        dev=arguments.dev,
        encoder=encoder,
        int8=arguments.int8,
        device=arguments.device,
        resume=arguments.resume,
        force=arguments.force,
        store_weights=not arguments.no_store_weights,
        store_examples=not getattr(arguments, "no_store_examples", False),
    )


def read_config(arguments: argparse.Namespace, encoder: str | None) -> Config:
    """The settings of the options that `add_settings` adds; raises as `load_config`."""
    from cnlu.config.files import find_config, load_config
    from cnlu.runtime.model_dir import has_encoder

    origin = getattr(arguments, "origin", None)
    encoded = encoder is not None or (origin is not None and has_encoder(origin))
    return load_config(find_config(arguments.config), arguments.overrides, arguments.seed, encoded)


def log_to_stderr(line: str) -> None:
    """Prints a line of the log, with what the terminal cannot show escaped."""
    print(encodable(line), file=sys.stderr, flush=True)
