"""The steps of `cnlu pretrain run`, in order."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs

from cnlu.encoder.transformers_logging import silent_transformers
from cnlu.errors import CnluError, UsageError
from cnlu.interrupts import held_back
from cnlu.io.atomic_directory import check_out, replace_dir, resolve
from cnlu.pytorch.bfloat16 import computes_bfloat16
from cnlu_pretrain.config import PretrainConfig
from cnlu_pretrain.corpus.corpus import Corpus, open_corpus
from cnlu_pretrain.masking.masker import Masker
from cnlu_pretrain.objectives.losses import Pretrainer
from cnlu_pretrain.probe.nlu import Examples, frame_accuracy
from cnlu_pretrain.probe.page import page, points_of, warning
from cnlu_pretrain.run.checkpoint import State, checkpoints, load_checkpoint
from cnlu_pretrain.run.encoder import Loaded, generator_for, load_encoder, random_encoder, write_encoder
from cnlu_pretrain.run.held_out import HeldOut
from cnlu_pretrain.run.loop import Phase, Run, fit, phase_lengths, planned, without_counts
from cnlu_pretrain.run.model_card import write_card
from cnlu_pretrain.run.optimizer import build_optimizer
from cnlu_pretrain.run.replacement_tokens import ordinary_ids
from cnlu_pretrain.run.rows import Layout
from cnlu_pretrain.run.stream import Stream
from cnlu_pretrain.similar.table import SimilarWords, load_table

Log = Callable[[str], None]


@dataclass(frozen=True)
class RunRequest:
    """What was asked of `cnlu pretrain run`."""

    corpus: Path
    out: Path
    config: PretrainConfig
    encoder: str | None = None
    """None: a random one"""
    similar: Path | None = None
    max_steps: int | None = None
    device: str | None = None
    probe: Examples | None = None
    """For an NLU model on each checkpoint"""
    resume: bool = False
    force: bool = False


def run(request: RunRequest, log: Log = lambda line: None) -> None:
    """Raises CnluError for whatever the user can mend; checkpoints stay in ENCODER.training until the end."""
    config = request.config
    check_out(request.out, request.force, "encoder", lambda folder: (folder / "config.json").exists())
    if request.probe:
        request.probe.check()
    corpus = open_corpus(request.corpus)
    if not corpus.shards or not corpus.tokens:
        raise UsageError(f"{request.corpus}: holds no text to train on; prepare it again.")
    similar = _similar(request, corpus)
    loaded = load_encoder(request.encoder, corpus, config.run) if request.encoder else random_encoder(corpus, config)
    accelerator = _accelerator(request, loaded)
    tell = log if accelerator.is_main_process else _nothing
    for note in loaded.notes:
        tell(note)
    folder = resolve(request.out).with_name(request.out.name + ".training")
    with _kept_for_resuming(folder, accelerator.is_main_process):
        folder.mkdir(parents=True, exist_ok=True)
        job = _built(request, corpus, similar, loaded, accelerator, folder, tell)
        if request.resume:
            state = load_checkpoint(folder, job.fingerprint, job.plain, job.optimizer)
        else:
            state = State()
            if accelerator.is_main_process:
                for old in folder.iterdir():
                    shutil.rmtree(old) if old.is_dir() else old.unlink()
        accelerator.wait_for_everyone()
        _announce(request, corpus, job, accelerator, tell)
        fit(job, state)
        if accelerator.is_main_process:
            _write(request, corpus, job, state, folder)
            tell(
                f"{request.out}: written after {state.step} steps and {state.tokens} tokens; use it with: cnlu train "
                f"DATA --encoder {request.out}"
            )
    accelerator.wait_for_everyone()
    accelerator.end_training()


@contextlib.contextmanager
def _kept_for_resuming(folder: Path, main: bool) -> Iterator[None]:
    """An interrupted run leaves its folder only where a checkpoint is in it."""
    try:
        yield
    except KeyboardInterrupt:
        if main and not checkpoints(folder):
            with held_back():
                shutil.rmtree(folder, ignore_errors=True)
        raise


def _announce(request: RunRequest, corpus: Corpus, job: Run, accelerator: Accelerator, tell: Log) -> None:
    lengths = ", then ".join(f"{phase.last} steps of {phase.length} tokens a row" for phase in job.phases)
    precision = "float32" if accelerator.mixed_precision == "no" else accelerator.mixed_precision
    tell(
        f"{request.corpus}: {corpus.tokens} tokens; {lengths}; {accelerator.num_processes} process(es) on "
        f"{accelerator.device.type}, {precision}"
    )


def _nothing(line: str) -> None:
    pass


def _similar(request: RunRequest, corpus: Corpus) -> SimilarWords | None:
    wanted = request.config.masking.replacement == "similar"
    if wanted and request.similar is None:
        raise UsageError(
            "masking.replacement: similar needs a table of similar words; make one with: cnlu pretrain similar "
            "CORPUS-TEXT "
            "--out similar.npz, and give it with --similar similar.npz."
        )
    if not wanted and request.similar is not None:
        raise UsageError(
            "--similar has no effect without masking.replacement: similar; set it, or leave the table out."
        )
    return SimilarWords(load_table(request.similar), corpus.tokenizer) if request.similar else None


def _accelerator(request: RunRequest, loaded: Loaded) -> Accelerator:
    config = request.config.run
    if request.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: this machine has no CUDA device that PyTorch can use; leave it out.")
    if config.threads:
        torch.set_num_threads(config.threads)
    on_cpu = request.device == "cpu" or not torch.cuda.is_available()
    native = computes_bfloat16(torch.device("cpu" if on_cpu else "cuda"))
    if config.precision == "bfloat16" and not native and not on_cpu:
        raise UsageError("run.precision: bfloat16 is not native to this device; leave it at auto.")
    half = config.precision == "bfloat16" or (config.precision == "auto" and native)
    unused = [DistributedDataParallelKwargs(find_unused_parameters=True)] if loaded.head_is_new else []
    return Accelerator(mixed_precision="bf16" if half else "no", cpu=on_cpu, kwargs_handlers=unused or None)


def _built(
    request: RunRequest,
    corpus: Corpus,
    similar: SimilarWords | None,
    loaded: Loaded,
    accelerator: Accelerator,
    folder: Path,
    log: Log,
) -> Run:
    config = request.config
    options, model = config.run, loaded.model
    generator = generator_for(model, config.objectives.generator_share) if config.objectives.replaced_token else None
    torch.manual_seed(options.seed)
    plain = Pretrainer(model, config.objectives, str(request.encoder), generator)
    if options.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    with silent_transformers():
        plain.to(accelerator.device)
        optimizer = build_optimizer(plain, options, accelerator.device)
        module, optimizer = accelerator.prepare(plain, optimizer)
    if options.compile:
        module = torch.compile(module)
    ordinary = ordinary_ids(corpus)
    masker = Masker(config.masking, options.seed, corpus.mask, ordinary, similar)
    phases: list[Phase] = []
    steps = 0
    for length in dict.fromkeys((options.length, options.long_length or options.length)):
        layout = Layout(corpus.special_tokens, length, config.objectives.order)
        rows = _rows(options.batch_tokens, length, accelerator.num_processes)
        stream = Stream(
            corpus, layout, masker, options.seed, rows, accelerator.process_index, accelerator.num_processes
        )
        steps = steps or planned(0 if request.max_steps else stream.rows_a_pass(), rows, options, request.max_steps)
        last = dict(phase_lengths(steps, options)).get(length)
        if last:
            held_out = HeldOut(corpus, layout, masker, ordinary, options.evaluate_tokens)
            phases.append(Phase(length, last, stream, held_out))
    if not phases[0].held_out:
        log("warning: no text is held out, so nothing tells whether the encoder learns; see prepare.held_out")
    sections: tuple[Any, ...] = (config.masking, config.objectives, config.body, without_counts(options))
    about = [
        corpus.fingerprint,
        [shard.to_dict() for shard in corpus.shards],
        str(request.encoder),
        steps,
        *(asdict(section) for section in sections),
    ]
    fingerprint = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    probe = _probe(request, corpus, plain, folder) if request.probe else None
    warm = options.head_warmup if loaded.head_is_new else 0
    return Run(
        accelerator,
        module,
        plain,
        optimizer,
        phases,
        options,
        config.masking.rate,
        warm,
        folder,
        fingerprint,
        log,
        probe,
    )


def _rows(batch_tokens: int, length: int, processes: int) -> int:
    rows = batch_tokens // length // processes * processes
    if not rows:
        raise UsageError(f"run.batch_tokens ({batch_tokens}) is less than a row for each of {processes} processes.")
    return rows


def _probe(request: RunRequest, corpus: Corpus, plain: Pretrainer, folder: Path) -> Callable[[], float]:
    def ask() -> float:
        assert request.probe is not None
        encoder = folder / "probed"
        shutil.rmtree(encoder, ignore_errors=True)
        encoder.mkdir()
        write_encoder(encoder, plain.model, corpus)
        return frame_accuracy(encoder, request.probe)

    return ask


def _write(request: RunRequest, corpus: Corpus, job: Run, state: State, folder: Path) -> None:
    """The encoder with its card and log, in one step; then the checkpoints go."""
    out = resolve(request.out)
    fresh = out.with_name(f".{out.name}.writing")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        write_encoder(fresh, job.plain.model, corpus)
        about: dict[str, Any] = {
            "steps": state.step,
            "tokens": state.tokens,
            "encoder": request.encoder,
            "corpus": corpus.manifest["counts"],
            "sources": corpus.manifest["sources"],
            "settings": asdict(request.config),
            "history": state.history,
        }
        points = points_of(state.history)
        if request.probe:
            (fresh / "probe.html").write_text(page(points, f"Probe of {request.out.name}"), "utf-8")
        if sentence := warning(points):
            job.log(f"warning: {sentence}")
            about["warning"] = sentence
        (fresh / "pretraining.json").write_text(json.dumps(about, ensure_ascii=False, indent=1), "utf-8")
        shutil.copyfile(folder / "log.jsonl", fresh / "log.jsonl")
        if (folder / "tensorboard").exists():
            shutil.copytree(folder / "tensorboard", fresh / "tensorboard")
        write_card(fresh, about)
        replace_dir(out, fresh)
    except OSError as error:
        raise CnluError(
            f"{request.out}: the encoder cannot be written ({error.strerror}); free space and go on with --resume: the "
            "last checkpoint is kept."
        ) from error
    finally:
        with held_back():
            shutil.rmtree(fresh, ignore_errors=True)
    with held_back():
        shutil.rmtree(folder, ignore_errors=True)
