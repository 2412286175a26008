"""The verbs of `cnlu pretrain`. Each imports what it needs when it runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from cnlu.config.setting import SEEDS, whole
from cnlu.errors import UsageError
from cnlu.extras import needed_for

if TYPE_CHECKING:
    from cnlu_pretrain.config import PretrainConfig
    from cnlu_pretrain.evaluation.nlu_probe import Examples


def add_verbs(parser: argparse.ArgumentParser) -> None:
    """The verbs below `cnlu pretrain`."""
    parser.description = "Continue the pretraining of a Chinese encoder on text of your own."
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_prepare(verbs.add_parser("prepare", help="turn text into a corpus that training reads"))
    _add_similar(verbs.add_parser("similar", help="make or show a table of similar words"))
    _add_run(verbs.add_parser("run", help="train an encoder on a corpus"))
    _add_probe(verbs.add_parser("probe", help="measure encoders: held-out text, and NLU on top of them"))


def _add_prepare(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Turn text into a corpus. TEXT: plain text with a sentence a line and a blank line between documents, running "
        'text, or JSONL with {"text": ...} a line, each also as .gz, .xz, .zst; folders of these; - for standard input.'
    )
    parser.add_argument("texts", nargs="+", metavar="TEXT")
    parser.add_argument("--out", required=True, metavar="CORPUS", help="the directory to write")
    parser.add_argument("--encoder", metavar="DIR|NAME", help="whose tokenizer reads the text: a directory or hub name")
    parser.add_argument(
        "--new-vocab",
        type=whole(16, 1_000_000),
        metavar="N",
        help="a vocabulary of the text's N most frequent characters",
    )
    parser.add_argument(
        "--add-tokens", metavar="F", help="words and characters to add to the encoder's vocabulary, one a line"
    )
    parser.add_argument(
        "--lexicon",
        nargs="+",
        default=[],
        metavar="F",
        help="your words, one a line, or NLU data with lookup tables: never cut, and hidden as a whole by entity masks",
    )
    _add_settings(parser)
    parser.set_defaults(run=_prepare)


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train an encoder on CORPUS, which prepare wrote. Several GPUs: torchrun --nproc-per-node N -m cnlu ..."
    )
    parser.add_argument("corpus", metavar="CORPUS")
    parser.add_argument("--out", required=True, metavar="ENCODER", help="the encoder directory to write")
    parser.add_argument("--encoder", metavar="DIR|NAME", help="the encoder to go on from: a directory or a hub name")
    parser.add_argument(
        "--init", choices=("random",), help="instead of --encoder: start from nothing, of the size in encoder.*"
    )
    parser.add_argument(
        "--max-steps", type=whole(1), metavar="N", help="steps in all (default: run.passes over the corpus)"
    )
    parser.add_argument("--similar", metavar="F.npz", help="similar words, for masking.replacement=similar")
    _add_probe_data(parser, "--probe", "--probe-test")
    parser.add_argument("--seed", type=whole(0, SEEDS), metavar="N", help="fixes everything random (default 1)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: CUDA when there is one")
    _add_settings(parser)
    parser.set_defaults(run=_run)


def _add_probe_data(parser: argparse.ArgumentParser, data: str, test: str) -> None:
    parser.add_argument(
        data,
        nargs="+",
        default=[],
        metavar="DATA",
        dest="probe",
        help="NLU examples: a small model on the frozen encoder tells whether NLU gains",
    )
    parser.add_argument(
        test,
        nargs="+",
        default=[],
        metavar="DATA",
        dest="probe_test",
        help="examples to measure it on (default: a tenth of the former)",
    )


def _add_probe(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Measure encoders side by side: how well they guess held-out text of CORPUS, and what NLU gains."
    )
    parser.add_argument(
        "encoder", nargs="+", metavar="ENCODER", help="directories or hub names, in the order of the page"
    )
    parser.add_argument("--corpus", required=True, metavar="CORPUS", help="whose held-out text is guessed")
    parser.add_argument("--out", required=True, metavar="F.html", help="the page to write")
    _add_probe_data(parser, "--data", "--test")
    parser.add_argument("--config", metavar="F.yaml", help="settings; a file, or the name of a shipped one")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override one setting, for example run.evaluate_tokens=20000",
    )
    parser.add_argument("--force", action="store_true", help="replace what is at --out")
    parser.set_defaults(run=_probe)


def _add_similar(parser: argparse.ArgumentParser) -> None:
    parser.description = "Make a table of similar words, from one of the first four; or show what one holds."
    parser.add_argument(
        "--text",
        nargs="+",
        default=[],
        metavar="TEXT",
        dest="texts",
        help="learn vectors from text (needs cnlu[similar])",
    )
    parser.add_argument("--vectors", metavar="F", help="a word2vec file, text or binary")
    parser.add_argument("--cilin", metavar="F", help="groups of synonyms, one a line, as in Cilin")
    parser.add_argument("--tsv", metavar="F", help="lines of word, similar word and perhaps cosine, with tabs between")
    parser.add_argument("--table", metavar="F.npz", help="a table that exists, to be shown")
    parser.add_argument("--antonyms", metavar="F", help="pairs that are never similar, two words a line")
    parser.add_argument("--out", metavar="F.npz", help="the table to write")
    parser.add_argument("--show", nargs="+", default=[], metavar="WORD", help="words whose neighbours are printed")
    parser.add_argument("--config", metavar="F.yaml", help="settings; a file, or the name of a shipped one")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override one setting, for example similar.min_cosine=0.7",
    )
    parser.add_argument("--force", action="store_true", help="replace what is at --out")
    parser.set_defaults(run=_similar)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="F.yaml", help="settings; a file, or the name of a shipped one")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override one setting, for example masking.rate=0.3",
    )
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument("--force", action="store_true", help="replace what is at --out")


def _prepare(arguments: argparse.Namespace) -> int:
    with needed_for("Pretraining", "pretrain"):
        from cnlu_pretrain.prepare.prepare import PrepareRequest, prepare
    add_tokens = Path(arguments.add_tokens) if arguments.add_tokens else None
    prepare(
        PrepareRequest(
            arguments.texts,
            Path(arguments.out),
            _config(arguments).prepare,
            arguments.encoder,
            arguments.new_vocab,
            add_tokens,
            arguments.lexicon,
            arguments.resume,
            arguments.force,
        ),
        _say,
    )
    return 0


def _run(arguments: argparse.Namespace) -> int:
    if bool(arguments.encoder) == bool(arguments.init):
        raise UsageError("Give either --encoder DIR|NAME to go on from, or --init random to start from nothing.")
    with needed_for("Pretraining", "pretrain"):
        from cnlu_pretrain.run.run import RunRequest, run
    if arguments.seed is not None:
        arguments.overrides.append(f"run.seed={arguments.seed}")
    similar = Path(arguments.similar) if arguments.similar else None
    run(
        RunRequest(
            Path(arguments.corpus),
            Path(arguments.out),
            _config(arguments),
            arguments.encoder,
            similar,
            arguments.max_steps,
            arguments.device,
            _examples(arguments),
            arguments.resume,
            arguments.force,
        ),
        _say,
    )
    return 0


def _probe(arguments: argparse.Namespace) -> int:
    with needed_for("Pretraining", "pretrain"):
        from cnlu_pretrain.probe.probe import ProbeRequest, probe
    probe(
        ProbeRequest(
            arguments.encoder,
            Path(arguments.corpus),
            Path(arguments.out),
            _config(arguments),
            _examples(arguments),
            arguments.force,
        ),
        _say,
    )
    return 0


def _examples(arguments: argparse.Namespace) -> Examples | None:
    from cnlu_pretrain.evaluation.nlu_probe import Examples

    if arguments.probe_test and not arguments.probe:
        raise UsageError("A test set without examples to learn from has no effect; give both.")
    return Examples(arguments.probe, arguments.probe_test) if arguments.probe else None


def _similar(arguments: argparse.Namespace) -> int:
    with needed_for("Pretraining", "pretrain"):
        from cnlu_pretrain.similar.build_table import SimilarRequest, similar
    vectors, cilin, tsv, table, antonyms, out = (
        Path(path) if path else None
        for path in (
            arguments.vectors,
            arguments.cilin,
            arguments.tsv,
            arguments.table,
            arguments.antonyms,
            arguments.out,
        )
    )
    similar(
        SimilarRequest(
            _config(arguments).similar,
            arguments.texts,
            vectors,
            cilin,
            tsv,
            table,
            antonyms,
            out,
            arguments.show,
            arguments.force,
        ),
        _say,
        lambda line: print(_encodable(line, sys.stdout)),
    )
    return 0


def _config(arguments: argparse.Namespace) -> PretrainConfig:
    from cnlu_pretrain.load_config import load_config

    return load_config(arguments.config, arguments.overrides)


def _say(line: str) -> None:
    print(_encodable(line, sys.stderr), file=sys.stderr, flush=True)


def _encodable(line: str, stream: TextIO) -> str:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)
