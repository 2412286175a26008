"""The commands of `cnlu pretrain`, and `cnlu adapt`: their options. `commands.py` runs them."""

from __future__ import annotations

import argparse

from cnlu.bundled import BUNDLED
from cnlu.config.options import add_config
from cnlu.config.setting import SEEDS, real, whole
from cnlu_pretrain.commands import run_adapt, run_distillation, run_prepare, run_probe, run_similar, run_training


def add_verbs(parser: argparse.ArgumentParser) -> None:
    """Add the commands below `cnlu pretrain`."""
    parser.description = "Continue the pretraining of a Chinese encoder on your own text."
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_prepare(verbs.add_parser("prepare", help="turn text into a corpus for training"))
    _add_similar(verbs.add_parser("similar", help="make or show a table of similar words"))
    _add_run(verbs.add_parser("run", help="train an encoder on a corpus"))
    _add_distill(verbs.add_parser("distill", help="make a small encoder that learns from a large one"))
    _add_probe(verbs.add_parser("probe", help="compare encoders: on held-out text, and by an NLU model on top of each"))


def add_adapt(parser: argparse.ArgumentParser) -> None:
    """Add the options of `cnlu adapt`."""
    parser.description = (
        "Adapt an encoder to TEXT: prepare the text, continue the pretraining, fine-tune models on the original and "
        "the adapted encoder, and write the adapted one if its models are better. TEXT is as in cnlu pretrain prepare."
    )
    parser.add_argument("texts", nargs="+", metavar="TEXT")
    parser.add_argument(
        "--data", nargs="+", required=True, metavar="DATA", help="NLU examples for the models that are compared"
    )
    parser.add_argument(
        "--test",
        nargs="+",
        default=[],
        metavar="DATA",
        help="examples to compare them on, whose sentences are left out of TEXT (default: cross-validation on --data)",
    )
    parser.add_argument("--out", required=True, metavar="ENCODER", help="the encoder directory to write")
    parser.add_argument(
        "--encoder",
        default=BUNDLED,
        metavar="DIR|NAME",
        help="the encoder to adapt: a directory or hub name, zh-mini (default): the one that is installed with cnlu",
    )
    parser.add_argument(
        "--minutes", type=real(0.001, 100_000), default=15.0, metavar="N", help="minutes of pretraining (default 15)"
    )
    _add_fine_tuning(parser, least=1)
    parser.add_argument("--keep-anyway", action="store_true", help="write the encoder also where no gain is shown")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--seed", type=whole(0, SEEDS), metavar="N", help="random seed (default 1)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: CUDA if available")
    _add_settings(parser, "run.wise_ft=1")
    _add_resume(parser)
    parser.set_defaults(run=run_adapt)


def _add_prepare(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Turn text into a corpus. TEXT is plain text with one sentence per line and a blank line between documents, "
        'running text, or JSONL with one {"text": ...} per line, optionally as .gz, .xz or .zst; a folder of them; '
        "or - for standard input."
    )
    parser.add_argument("texts", nargs="+", metavar="TEXT")
    parser.add_argument("--out", required=True, metavar="CORPUS", help="the directory to write")
    parser.add_argument(
        "--encoder", metavar="DIR|NAME", help="use the tokenizer of this encoder: directory or hub name"
    )
    parser.add_argument(
        "--new-vocab",
        type=whole(16, 1_000_000),
        metavar="N",
        help="make a new vocabulary of the N most frequent characters of the text",
    )
    parser.add_argument(
        "--add-tokens", metavar="F", help="words and characters to add to the encoder's vocabulary, one per line"
    )
    parser.add_argument(
        "--lexicon",
        nargs="+",
        default=[],
        metavar="F",
        help="your words, one per line, or NLU data with lookup tables: never split, and masked as a whole by "
        "masking.strategy=entity",
    )
    parser.add_argument(
        "--exclude",
        nargs="+",
        default=[],
        metavar="F",
        help="test sets (text, JSONL or NLU data): lines that share text with them are left out and counted",
    )
    _add_settings(parser, "masking.rate=0.3")
    _add_resume(parser)
    parser.set_defaults(run=run_prepare)


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train an encoder on CORPUS, the output of prepare. On several GPUs: torchrun --nproc-per-node N -m cnlu ..."
    )
    parser.add_argument("corpus", metavar="CORPUS")
    parser.add_argument("--out", required=True, metavar="ENCODER", help="the encoder directory to write")
    parser.add_argument("--encoder", metavar="DIR|NAME", help="the encoder to start from: a directory or a hub name")
    parser.add_argument(
        "--init",
        choices=("random",),
        help="instead of --encoder: random weights, in the size of the encoder.* settings",
    )
    parser.add_argument(
        "--max-steps",
        type=whole(1),
        metavar="N",
        help="number of steps (default: run.passes over the corpus); more with --resume extend a finished run",
    )
    _add_training(parser)
    parser.set_defaults(run=run_training)


def _add_distill(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Make a small encoder, in the size of the encoder.* settings, that learns from a TEACHER on CORPUS, which "
        "prepare made with the teacher's tokenizer. A row holds isolated sentences."
    )
    parser.add_argument("corpus", metavar="CORPUS")
    parser.add_argument("--teacher", required=True, metavar="DIR|NAME", help="an encoder: a directory or a hub name")
    parser.add_argument("--out", required=True, metavar="ENCODER", help="the encoder directory to write")
    parser.add_argument(
        "--max-steps", type=whole(1), metavar="N", help="number of steps (default: run.passes over the corpus)"
    )
    _add_training(parser)
    parser.set_defaults(run=run_distillation)


def _add_training(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mix",
        nargs="+",
        default=[],
        metavar="CORPUS=SHARE",
        help="mix in other corpora, each with its share of the rows; CORPUS has the rest, and a pass reads it once",
    )
    parser.add_argument(
        "--similar",
        metavar="F.npz",
        help="a table for masking.replacement=similar (default: the one installed with cnlu)",
    )
    _add_probe_data(parser, "--probe", "--probe-test")
    parser.add_argument("--seed", type=whole(0, SEEDS), metavar="N", help="random seed (default 1)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: CUDA if available")
    _add_settings(parser, "masking.rate=0.3")
    _add_resume(parser)


def _add_probe_data(parser: argparse.ArgumentParser, data: str, test: str) -> None:
    parser.add_argument(
        data,
        nargs="+",
        default=[],
        metavar="DATA",
        dest="probe",
        help="NLU examples: train a small model on the frozen encoder to see whether NLU improves",
    )
    parser.add_argument(
        test,
        nargs="+",
        default=[],
        metavar="DATA",
        dest="probe_test",
        help=f"examples to evaluate that model on (default: a tenth of {data})",
    )


def _add_probe(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Compare encoders: how well they predict held-out text of CORPUS, and how good an NLU model is on top of each."
    )
    parser.add_argument("encoder", nargs="+", metavar="ENCODER", help="directories or hub names, in the page's order")
    parser.add_argument("--corpus", required=True, metavar="CORPUS", help="the corpus with the held-out text")
    parser.add_argument("--out", required=True, metavar="F.html", help="the page to write")
    _add_probe_data(parser, "--data", "--test")
    _add_fine_tuning(parser, least=0)
    _add_settings(parser, "run.evaluate_tokens=20000")
    parser.set_defaults(run=run_probe)


def _add_fine_tuning(parser: argparse.ArgumentParser, least: int) -> None:
    parser.add_argument(
        "--rounds",
        type=whole(least, 100),
        default=3,
        metavar="N",
        help="models that are fine-tuned on each encoder as in cnlu train, each with another seed; without --test the "
        f"folds of a cross-validation (default 3{'; 0: none' if not least else ''})",
    )
    parser.add_argument(
        "--train-set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of cnlu train for these models, for example model.members=2 (default: those of cnlu train)",
    )


def _add_similar(parser: argparse.ArgumentParser) -> None:
    parser.description = "Make a table of similar words from one of the first four sources, or show one."
    parser.add_argument(
        "--text",
        nargs="+",
        default=[],
        metavar="TEXT",
        dest="texts",
        help="learn from text which words can replace each other",
    )
    parser.add_argument("--vectors", metavar="F", help="a word2vec file, text or binary")
    parser.add_argument("--cilin", metavar="F", help="groups of synonyms, one per line, as in Cilin")
    parser.add_argument("--tsv", metavar="F", help="lines of word, similar word and optional cosine, tab-separated")
    parser.add_argument(
        "--table", metavar="F.npz", help="an existing table to show (default: the one installed with cnlu)"
    )
    parser.add_argument("--antonyms", metavar="F", help="pairs that never count as similar, two words per line")
    parser.add_argument("--out", metavar="F.npz", help="the table to write")
    parser.add_argument("--show", nargs="+", default=[], metavar="WORD", help="print the neighbours of these words")
    _add_settings(parser, "similar.min_cosine=0.7")
    parser.set_defaults(run=run_similar)


def _add_settings(parser: argparse.ArgumentParser, example: str) -> None:
    add_config(parser, example)
    parser.add_argument("--force", action="store_true", help="replace an existing --out")


def _add_resume(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--resume", action="store_true", help="continue after an interruption")
