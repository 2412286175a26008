"""Runs the commands of `cnlu pretrain`, and `cnlu adapt`. Each imports what it needs when it runs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from cnlu.errors import UsageError
from cnlu.extras import needed_for
from cnlu.i18n import _

if TYPE_CHECKING:
    from cnlu_pretrain.evaluation.nlu_probe import Examples


def run_prepare(arguments: argparse.Namespace) -> int:
    from cnlu_pretrain.load_config import load_config

    with needed_for("Pretraining", "pretrain"):
        from cnlu_pretrain.prepare.prepare import PrepareRequest, prepare
    request = PrepareRequest(
        texts=arguments.texts,
        out=Path(arguments.out),
        config=load_config(arguments.config, arguments.overrides).prepare,
        encoder=arguments.encoder,
        new_vocab=arguments.new_vocab,
        add_tokens=_path(arguments.add_tokens),
        lexicon=arguments.lexicon,
        exclude=arguments.exclude,
        resume=arguments.resume,
        force=arguments.force,
    )
    prepare(request, _log)
    return 0


def run_training(arguments: argparse.Namespace) -> int:
    if bool(arguments.encoder) == bool(arguments.init):
        raise UsageError(
            "--encoder, --init",
            _("exactly one of them is needed"),
            _("give --encoder DIR|NAME to continue from an encoder, or --init random to start from random weights"),
        )
    return _train(arguments, encoder=arguments.encoder)


def run_distillation(arguments: argparse.Namespace) -> int:
    return _train(arguments, teacher=arguments.teacher)


def _train(arguments: argparse.Namespace, encoder: str | None = None, teacher: str | None = None) -> int:
    from cnlu_pretrain.load_config import load_config

    with needed_for("Pretraining", "pretrain"):
        from cnlu_pretrain.run.mix import parse_mix
        from cnlu_pretrain.run.model import for_distillation
        from cnlu_pretrain.run.run import RunRequest, run
    seed = [] if arguments.seed is None else [f"run.seed={arguments.seed}"]
    config = load_config(arguments.config, [*arguments.overrides, *seed], recipe=encoder is not None)
    request = RunRequest(
        corpus=Path(arguments.corpus),
        out=Path(arguments.out),
        config=for_distillation(config) if teacher else config,
        encoder=encoder,
        teacher=teacher,
        mix=parse_mix(arguments.mix),
        similar=_path(arguments.similar),
        max_steps=arguments.max_steps,
        device=arguments.device,
        probe=_examples(arguments),
        resume=arguments.resume,
        force=arguments.force,
    )
    run(request, _log)
    return 0


def run_probe(arguments: argparse.Namespace) -> int:
    from cnlu_pretrain.load_config import load_config

    with needed_for("Pretraining", "pretrain"):
        from cnlu_pretrain.probe.probe import ProbeRequest, probe
    request = ProbeRequest(
        encoders=arguments.encoder,
        corpus=Path(arguments.corpus),
        out=Path(arguments.out),
        config=load_config(arguments.config, arguments.overrides),
        examples=_examples(arguments),
        rounds=arguments.rounds,
        overrides=arguments.train_set,
        force=arguments.force,
    )
    probe(request, _log)
    return 0


def run_adapt(arguments: argparse.Namespace) -> int:
    from cnlu_pretrain.load_config import load_config

    with needed_for("Pretraining", "pretrain"):
        from cnlu_pretrain.adapt.adapt import adapt
        from cnlu_pretrain.adapt.request import AdaptRequest
    from cnlu_pretrain.evaluation.nlu_probe import Examples

    seed = [] if arguments.seed is None else [f"run.seed={arguments.seed}"]
    request = AdaptRequest(
        texts=arguments.texts,
        examples=Examples(arguments.data, arguments.test),
        out=Path(arguments.out),
        config=load_config(arguments.config, [*arguments.overrides, *seed], recipe=True),
        encoder=arguments.encoder,
        minutes=arguments.minutes,
        rounds=arguments.rounds,
        overrides=arguments.train_set,
        device=arguments.device,
        keep_anyway=arguments.keep_anyway,
        resume=arguments.resume,
        force=arguments.force,
    )
    outcome = adapt(request, _log)
    result = json.dumps(outcome.to_dict(), ensure_ascii=False) if arguments.json else outcome.describe()
    print(_encodable(result, sys.stdout))
    return 0


def run_similar(arguments: argparse.Namespace) -> int:
    from cnlu_pretrain.load_config import load_config

    with needed_for("Pretraining", "pretrain"):
        from cnlu_pretrain.similar.build_table import SimilarRequest, similar
    request = SimilarRequest(
        config=load_config(arguments.config, arguments.overrides).similar,
        texts=arguments.texts,
        vectors=_path(arguments.vectors),
        cilin=_path(arguments.cilin),
        tsv=_path(arguments.tsv),
        table=_path(arguments.table),
        antonyms=_path(arguments.antonyms),
        out=_path(arguments.out),
        show=arguments.show,
        force=arguments.force,
    )
    similar(request, _log, lambda line: print(_encodable(line, sys.stdout)))
    return 0


def _examples(arguments: argparse.Namespace) -> Examples | None:
    from cnlu_pretrain.evaluation.nlu_probe import Examples

    if arguments.probe_test and not arguments.probe:
        raise UsageError(
            "--probe-test, --test", _("has no effect without examples to train on"), _("give --probe or --data too")
        )
    return Examples(arguments.probe, arguments.probe_test) if arguments.probe else None


def _path(argument: str | None) -> Path | None:
    return Path(argument) if argument else None


def _log(line: str) -> None:
    print(_encodable(line, sys.stderr), file=sys.stderr, flush=True)


def _encodable(line: str, stream: TextIO) -> str:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)
