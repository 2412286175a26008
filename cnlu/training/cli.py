"""The options of `cnlu train` and `cnlu distill`; the training code is imported when a command runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cnlu.bundled import choose_encoder
from cnlu.config.options import add_settings
from cnlu.config.setting import real, whole
from cnlu.extras import needed_for
from cnlu.io.messages import encodable

if TYPE_CHECKING:
    from cnlu.config import Config
    from cnlu.training.request import Request


def add_train(parser: argparse.ArgumentParser) -> None:
    """Adds the description and the options of the command to its parser."""
    parser.description = "Train a model. DATA: Rasa NLU YAML files, JSONL files, or folders of them."
    parser.add_argument("data", nargs="+", metavar="DATA")
    parser.add_argument("--out", required=True, metavar="MODEL", help="the model directory to write")
    parser.add_argument(
        "--dev",
        action="append",
        default=[],
        metavar="DATA",
        help="examples for early stopping and calibration (default: a tenth of DATA)",
    )
    add_encoder(parser)
    parser.add_argument(
        "--from",
        dest="origin",
        metavar="MODEL",
        help="continue training from a model; DATA may have new intents and entity types, and an encoder in 8 bits "
        "stays so",
    )
    parser.add_argument(
        "--no-store-examples",
        action="store_true",
        help="keep no examples in the model directory; training continued with --from then forgets more",
    )
    _add_training(parser)
    parser.set_defaults(run=_train)


def add_encoder(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Adds the option that names the encoder; `choose_encoder` resolves it."""
    parser.add_argument(
        "--encoder",
        metavar="DIR|NAME|none",
        help="the pretrained encoder to build on: a directory or hub name, zh-mini (default): the one that is "
        "installed with cnlu, or none: sparse features alone",
    )


def _add_training(parser: argparse.ArgumentParser) -> None:
    """Adds the options of every command that writes a model."""
    add_settings(parser)
    parser.add_argument(
        "--int8",
        action=argparse.BooleanOptionalAction,
        help="store the encoder in 8 bits: smaller, faster on a CPU (default: zh-mini in 8 bits, others in float32; "
        "with --from as the model)",
    )
    parser.add_argument(
        "--no-store-weights",
        action="store_true",
        help="leave network.safetensors out of the model directory: about 2 MB less, but --from cannot continue the "
        "model; parsing is the same",
    )
    parser.add_argument("--resume", action="store_true", help="continue an interrupted training")
    parser.add_argument("--force", action="store_true", help="replace the model at --out")


def add_distill(parser: argparse.ArgumentParser) -> None:
    """Adds the description and the options of the command to its parser."""
    parser.description = (
        "Train a smaller model, the student, on the answers of MODEL, the teacher. TEXT: .txt with one sentence per "
        "line, also .txt.gz and .txt.xz; DATA: as in train, its annotations are ignored."
    )
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("--data", nargs="+", required=True, metavar="TEXT|DATA", help="the sentences")
    parser.add_argument("--out", required=True, metavar="MODEL", help="the student's model directory to write")
    parser.add_argument(
        "--student",
        default="none",
        metavar="none|layers=N|DIR",
        help="the student's encoder: none (default), N layers of the teacher's, or another: a directory or hub name",
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
    """Adds the options that control how the student learns."""
    add("--max-texts", type=whole(1), default=50_000, metavar="N", help="maximum number of sentences (default 50000)")
    add(
        "--temperature",
        type=real(0.1, 100),
        default=2.0,
        metavar="T",
        help="softmax temperature of the intents; higher is softer (default 2)",
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
        help="also learn from N copies of each annotated sentence, with other entity values (default 0)",
    )


def _train(arguments: argparse.Namespace) -> int:
    with needed_for("Training", "train"):
        from cnlu.training.continue_training import continue_training
        from cnlu.training.train import train
    if arguments.origin is None:
        train(_request(arguments, choose_encoder(arguments.encoder)), log=log_to_stderr)
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
    """The request of a command that writes a model, with its settings."""
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
    """The settings from the options that `add_settings` adds; raises as `load_config`."""
    from cnlu.config.files import find_config, load_config
    from cnlu.runtime.model_dir import has_encoder

    origin = getattr(arguments, "origin", None)
    with_encoder = encoder is not None or (origin is not None and has_encoder(origin))
    return load_config(find_config(arguments.config), arguments.overrides, arguments.seed, with_encoder)


def log_to_stderr(line: str) -> None:
    """Prints a line of the log; characters that the terminal cannot show are escaped."""
    print(encodable(line), file=sys.stderr, flush=True)
