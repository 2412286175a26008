"""The three ways to get a model: train it in this process, train it with another interpreter, or use a trained one."""

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
from cnlu.bundled import choose_encoder
from cnlu.errors import CnluError, UsageError
from cnlu.features.build_extractor import build_extractor
from cnlu.i18n import _
from cnlu.runtime.model_dir import FORMAT, MANIFEST, read_model_dir
from cnlu_dialogue.rasa.options import Settings, overrides, settings_file, training_config

Log = Callable[[str], None]

REQUIRED = ("torch", "transformers", "torchcrf", "accelerate", "onnx", "onnxscript", "safetensors")
"""The packages that training imports."""

PROGRESS_EVERY = 5.0
"""Minimum interval in seconds between two updates of a progress bar in the log."""

PROBE_SECONDS = 60
"""Timeout of PROBE."""

PROBE = """
import importlib.util, json, sys
answer = {"missing": [name for name in sys.argv[1:] if importlib.util.find_spec(name) is None], "cnlu": None}
try:
    import cnlu
    from cnlu.runtime.model_dir import FORMAT
    answer.update(cnlu=cnlu.__version__, format=FORMAT)
except ImportError as error:
    answer["error"] = str(error)
print(json.dumps(answer))
"""
"""A program that prints, as JSON, which of its arguments' packages are missing, and the version of cnlu."""


def check_training_setup(settings: Settings) -> None:
    """Raises CnluError, before anything is trained, if these settings cannot give a model."""
    if settings.model is not None:
        cnlu.load(settings.model)
        return
    config = training_config(settings)
    if config.text.simplify or config.features.pinyin != "off":
        build_extractor(config, {}, {})  # this process parses, so it needs their packages too
    if settings.trainer is not None:
        _check_interpreter(settings.trainer)
    elif missing := [name for name in REQUIRED if importlib.util.find_spec(name) is None]:
        problem = _("training is not possible: {package} is not installed beside Rasa", package=missing[0])
        fix = _(
            "name an interpreter with cnlu[train] by `trainer: /path/to/python`, or a trained model by `model: DIR`"
        )
        raise UsageError("", problem, fix)


def make_model(data: Sequence[Path], out: Path, settings: Settings, log: Log, origin: Path | None = None) -> None:
    """Writes a model directory at `out`: trained on data files, or copied from `model`; raises CnluError.

    With `origin`, training continues from the model there.
    """
    if settings.model is not None:
        log(f"uses the trained model {settings.model}")
        copy_model(Path(settings.model), out)
    elif settings.trainer is not None:
        log(f"trains with {settings.trainer}")
        _train_with(settings.trainer, data, out, settings=settings, log=log, origin=origin)
    else:
        log("trains in this process")
        _train_here(data, out, settings, log, origin)


def copy_model(source: Path, out: Path) -> None:
    """Copies the verified files of a model directory and nothing else."""
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
        train(replace(request, encoder=choose_encoder(settings.encoder)), log=log)


def _train_with(
    python: str, data: Sequence[Path], out: Path, *, settings: Settings, log: Log, origin: Path | None
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
    line = ""
    try:
        for line in _log_lines(process):
            log(line)
        code = process.wait()
    except BaseException:  # on Ctrl-C too: the model is no longer needed
        process.terminate()
        process.wait()
        raise
    if code:
        raise _training_error(python, code, line)


def _training_error(python: str, code: int, last_line: str) -> CnluError:
    """The error that the process printed, or one that names its exit code."""
    if last_line.startswith("cnlu: "):
        return CnluError(last_line.removeprefix("cnlu: "))
    output = last_line or _("no output")
    problem = _("training ended with exit code {code} ({output})", code=code, output=output)
    return CnluError(python, problem, _("run `{command}` by hand to see why", command=f"{python} -m cnlu train"))


def _environment() -> dict[str, str]:
    """The other interpreter's environment: UTF-8, and no imports from the bot's folder (Python 3.11 and newer)."""
    return {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1"}


def _log_lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Yields output lines as they arrive; a progress bar, whose states end in a carriage return, is thinned out."""
    assert process.stdout is not None
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest, last_progress = "", time.monotonic()
    while chunk := os.read(process.stdout.fileno(), 4096):
        rest += decoder.decode(chunk)
        while (end := min((i for i in (rest.find("\n"), rest.find("\r")) if i >= 0), default=-1)) >= 0:
            line, is_progress, rest = rest[:end].strip(), rest[end] == "\r", rest[end + 1 :]
            if not line or (is_progress and time.monotonic() - last_progress < PROGRESS_EVERY):
                continue
            last_progress = time.monotonic()
            yield line
    if rest.strip():
        yield rest.strip()


def _check_interpreter(python: str) -> None:
    answer = _probe(python)
    if answer["cnlu"] is None:
        problem = _("{python} has no working cnlu ({reason})", python=python, reason=answer["error"])
        raise UsageError("trainer", problem, _install(python, f"cnlu[train]=={cnlu.__version__}"))
    if answer["missing"]:
        problem = _("{python} lacks {packages}", python=python, packages=", ".join(answer["missing"]))
        raise UsageError("trainer", problem, _install(python, "cnlu[train]"))
    if (answer["cnlu"], answer["format"]) != (cnlu.__version__, FORMAT):
        problem = _(
            "{python} has cnlu {version} (model format {format}) and Rasa's environment {own} (format {own_format})",
            python=python,
            version=answer["cnlu"],
            format=answer["format"],
            own=cnlu.__version__,
            own_format=FORMAT,
        )
        raise UsageError("trainer", problem, _("install the same version in both"))


def _install(python: str, requirement: str) -> str:
    return _("install it there with: {command}", command=f"{python} -m pip install '{requirement}'")


@functools.lru_cache(maxsize=8)
def _probe(python: str) -> dict[str, Any]:
    """The answer of an interpreter to PROBE; cached, because Rasa checks the settings several times."""
    try:
        done = subprocess.run(
            [python, "-c", PROBE, *REQUIRED],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=_environment(),
            encoding="utf-8",
            errors="replace",
            timeout=PROBE_SECONDS,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        problem = _("{python} cannot be started ({reason})", python=python, reason=reason)
        example = Path(sys.prefix).parent / "train/bin/python"
        fix = _("give the path of a Python interpreter, such as {example}", example=example)
        raise UsageError("trainer", problem, fix) from None
    except subprocess.TimeoutExpired:
        problem = _("{python} gave no answer within {seconds} s", python=python, seconds=PROBE_SECONDS)
        raise UsageError("trainer", problem, _("give the path of a Python interpreter")) from None
    try:
        answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        problem = _("{python} does not answer as a Python 3 interpreter does", python=python)
        raise UsageError("trainer", problem, _("give the path of a Python interpreter")) from None
    return answer
