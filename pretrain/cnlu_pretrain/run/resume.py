"""Where a run starts: at step 0, at its newest checkpoint, or at the end of a finished run that it extends."""

from __future__ import annotations

import shutil
from pathlib import Path

from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu.io.atomic_directory import resolve
from cnlu_pretrain.run.checkpoint import State, checkpoints, load_checkpoint, progress_of
from cnlu_pretrain.run.loop import Run
from cnlu_pretrain.run.output import TRAINING
from cnlu_pretrain.run.request import RunRequest


def training_folder(out: Path) -> Path:
    """The folder with the checkpoints of a run that is not finished."""
    target = resolve(out)
    return target.parent / f"{target.name}.training"  # with_name() refuses the root, which check_out() explains better


def checkpoint_folder(request: RunRequest) -> Path:
    """The folder that --resume loads a checkpoint from: that of an interrupted run, else that of the finished one."""
    folder, finished = training_folder(request.out), resolve(request.out) / TRAINING
    return finished if request.resume and not checkpoints(folder) and checkpoints(finished) else folder


def extends(request: RunRequest, folder: Path) -> bool:
    """Whether --resume with the checkpoint in `folder` extends the finished run whose encoder is at --out."""
    finished = resolve(request.out) / TRAINING
    return request.resume and bool(checkpoints(finished)) and (folder == finished or len(progress_of(folder).plan) > 1)


def initial_state(request: RunRequest, job: Run, folder: Path) -> State:
    """The state of the newest checkpoint in `folder` with --resume, else a new one; clears the folder of the run.

    Raises UsageError where the checkpoint belongs to another run, or the number of steps does not fit.
    """
    main = job.accelerator.is_main_process
    if not request.resume:
        if main:
            _clear(job.folder)
        return State(plan=job.plan)
    state = load_checkpoint(folder, job.fingerprint, job.plain, job.optimizer)
    _check_plan(request, job, state, finished=folder != job.folder)
    if folder != job.folder:
        job.log(
            f"{request.out}: finished after {state.step} steps, goes on to step {job.steps}; the learning rate follows "
            f"run.schedule anew ({job.config.schedule}) over the {job.steps - state.step} added steps"
        )
        if main:
            _clear(job.folder)
            _copy_logs(folder.parent, job.folder)
    state.plan = job.plan
    return state


def _check_plan(request: RunRequest, job: Run, state: State, *, finished: bool) -> None:
    if finished and state.step == job.steps:
        raise UsageError(
            request.out,
            _("the run is finished after {steps} steps", steps=state.step),
            _("raise --max-steps to extend it, or leave --resume out to start over"),
        )
    if state.plan not in (job.plan, job.plan[:-1]):
        raise UsageError(
            "--max-steps",
            _("the run is planned for {planned} steps, not {steps}", planned=state.plan[-1], steps=job.steps),
            _(
                "continue it with --max-steps {planned}; only a finished run can be extended, to more steps",
                planned=state.plan[-1],
            ),
        )


def _clear(folder: Path) -> None:
    for old in folder.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()


def _copy_logs(encoder: Path, folder: Path) -> None:
    """Copy the log of the finished run, which the extension continues."""
    if (encoder / "log.jsonl").exists():
        shutil.copyfile(encoder / "log.jsonl", folder / "log.jsonl")
    if (encoder / "tensorboard").exists():
        shutil.copytree(encoder / "tensorboard", folder / "tensorboard")
