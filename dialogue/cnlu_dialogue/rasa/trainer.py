"""The three ways to a model: trained in this process, by another interpreter, or ready beforehand."""

from __future__ import annotations

import codecs
import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cnlu
from cnlu.errors import CnluError, UsageError
from cnlu.features.build_extractor import build_extractor
from cnlu.runtime.model_dir import FORMAT, MANIFEST, read_model_dir
from cnlu_dialogue.rasa.options import Settings, overrides, settings_file, training_config

Log = Callable[[str], None]

NEEDED = ("torch", "transformers", "torchcrf", "accelerate", "onnx", "onnxscript", "safetensors")
"""What training imports, sooner or later."""

PROGRESS_EVERY = 5.0
"""Seconds between two states of a progress bar in the log."""

PROBE_SECONDS = 60

PROBE = """
import importlib.util, json, sys
found = {"missing": [name for name in sys.argv[1:] if importlib.util.find_spec(name) is None], "cnlu": None}
try:
    import cnlu
    from cnlu.runtime.model_dir import FORMAT
    found.update(cnlu=cnlu.__version__, format=FORMAT)
except ImportError as error:
    found["error"] = str(error)
print(json.dumps(found))
"""


def check_way(settings: Settings) -> None:
    """Refuses, before anything is trained, a way that could not lead to a model; raises CnluError, one sentence."""
    if settings.model is not None:
        cnlu.load(settings.model)
        return
    config = training_config(settings)
    if config.text.simplify or config.features.pinyin != "off":
        build_extractor(config, {}, {})  # these need a package where the model parses too: here
    if settings.encoder is not None and importlib.util.find_spec("tokenizers") is None:
        raise UsageError(
            "encoder: a model on an encoder needs tokenizers in Rasa's environment; install it there "
            "with: pip install 'cnlu[encoder]'."
        )
    if settings.trainer is not None:
        _check_interpreter(settings.trainer)
    elif missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise UsageError(
            f"there is no way to train: {missing[0]} is not installed beside Rasa; name an interpreter that has "
            "cnlu[train] with `trainer: /path/to/python`, or a trained model with `model: DIR`."
        )


def make_model(data: Sequence[Path], out: Path, settings: Settings, log: Log, origin: Path | None = None) -> None:
    """A model directory at `out`, from data files or from the ready one; raises CnluError, one sentence.

    A model at `origin` is gone on from.
    """
    if settings.model is not None:
        log(f"takes the ready model {settings.model}")
        copy_model(Path(settings.model), out)
    elif settings.trainer is not None:
        log(f"trains with {settings.trainer}")
        _train_with(settings.trainer, data, out, settings, log, origin)
    else:
        log("trains in this process")
        _train_here(data, out, settings, log, origin)


def copy_model(source: Path, out: Path) -> None:
    """The verified files of a model directory, and no others."""
    files = read_model_dir(source)
    out.mkdir(parents=True)
    for name, content in files.files.items():
        (out / name).write_bytes(content)
    shutil.copyfile(files.path / MANIFEST, out / MANIFEST)


def _train_here(data: Sequence[Path], out: Path, settings: Settings, log: Log, origin: Path | None) -> None:
    from cnlu.training.continue_training import continue_training
    from cnlu.training.request import Request
    from cnlu.training.train import train

    request = Request(list(data), out, training_config(settings))
    if origin is not None:
        continue_training(origin, request, log=log)
    else:
        train(replace(request, encoder=settings.encoder), log=log)


def _train_with(
    python: str, data: Sequence[Path], out: Path, settings: Settings, log: Log, origin: Path | None
) -> None:
    command = [python, "-m", "cnlu", "train", *map(str, data), "--out", str(out)]
    if (file := settings_file(settings)) is not None:
        command += ["--config", str(file)]
    if origin is not None:
        command += ["--from", str(origin)]
    elif settings.encoder is not None:
        command += ["--encoder", settings.encoder]
    for override in overrides(settings):
        command += ["--set", override]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=_environment()
    )
    last = ""
    try:
        for last in _shown_lines(process):
            log(last)
        code = process.wait()
    except BaseException:  # Ctrl-C as well: nobody would wait for its model
        process.terminate()
        process.wait()
        raise
    if code:
        raise CnluError(
            last.removeprefix("cnlu: ")
            if last.startswith("cnlu: ")
            else f"{python}: training ended with {code} ({last or 'it said nothing'}); run `{python} -m cnlu "
            "train` by hand to see why."
        )


def _environment() -> dict[str, str]:
    """For the other interpreter: UTF-8, and nothing imported from the bot's own folder (Python 3.11 and newer)."""
    return {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1"}


def _shown_lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """The process's lines as they come, and now and then the state of a progress bar, which ends in a return."""
    assert process.stdout is not None
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest, told = "", time.monotonic()
    while chunk := os.read(process.stdout.fileno(), 4096):
        rest += decoder.decode(chunk)
        while (end := min((i for i in (rest.find("\n"), rest.find("\r")) if i >= 0), default=-1)) >= 0:
            line, is_progress, rest = rest[:end].strip(), rest[end] == "\r", rest[end + 1 :]
            if not line or (is_progress and time.monotonic() - told < PROGRESS_EVERY):
                continue
            told = time.monotonic()
            yield line
    if rest.strip():
        yield rest.strip()


def _check_interpreter(python: str) -> None:
    found = _probe(python)
    if found["cnlu"] is None:
        raise UsageError(
            f"trainer: {python} has no working cnlu ({found['error']}); install it there with: "
            f"{python} -m pip install 'cnlu[train]=={cnlu.__version__}'."
        )
    if found["missing"]:
        raise UsageError(
            f"trainer: {python} lacks {', '.join(found['missing'])}; install what training needs with: "
            f"{python} -m pip install 'cnlu[train]'."
        )
    if (found["cnlu"], found["format"]) != (cnlu.__version__, FORMAT):
        raise UsageError(
            f"trainer: {python} has cnlu {found['cnlu']} (model format {found['format']}) and Rasa's environment "
            f"{cnlu.__version__} (format {FORMAT}); install the same version in both."
        )


@functools.lru_cache(maxsize=8)
def _probe(python: str) -> dict[str, Any]:
    """What an interpreter has; asked once in a process, though Rasa asks for the settings several times."""
    try:
        done = subprocess.run(
            [python, "-c", PROBE, *NEEDED],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=_environment(),
            encoding="utf-8",
            errors="replace",
            timeout=PROBE_SECONDS,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"trainer: {python} cannot be started ({reason}); give the path of a Python interpreter, such "
            f"as {Path(sys.prefix).parent / 'train/bin/python'}."
        ) from None
    except subprocess.TimeoutExpired:
        raise UsageError(
            f"trainer: {python} gave no answer in {PROBE_SECONDS} s; give the path of a Python interpreter."
        ) from None
    try:
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        raise UsageError(
            f"trainer: {python} does not answer as a Python 3 interpreter does; give the path of one."
        ) from None
    return found
