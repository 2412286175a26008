"""Training speed on a GPU for encoders of two sizes: examples per second and the share of the device's peak.

    sh benchmarks/gpu.sh [--models bge-small bert-base] [--batches 32 256] [--lengths 16 64] [--seconds 15]
                         [--peak TFLOPS] [--device cuda|cpu] [--float32] [--tiny] [--out FIGURES.json]

Needs PyTorch, transformers and pytorch-crf, but no network and no files: the encoders have random weights in the
published shapes (BERT-base: 12 layers of 768; bge-small: 4 of 512), and the examples are synthetic, with as many
features, tags and intents as real ones. A step is that of `cnlu train --encoder`: batches of similar lengths, bfloat16
if the device has it, four members, clipping, AdamW, the running average. Each combination of a batch size and a length
is measured for --seconds after a warm-up.

Then pretraining: cnlu's loop compared with that of the usual script, on the same synthetic text in packed rows of 128
and of 512 tokens. cnlu applies the head to masked tokens alone. BERT-base is compiled, bge-small is not. A profile
shows which operations take most of a step, and how often the host waited for the GPU: it should never. The aims on
an H100 or H200 are 45 % of the peak and 1.3 times the usual script, with BERT-base. Measurements that would begin too
late are skipped, so that the script ends within ten minutes.

No GPU was at hand when this was written: it has run on CPUs alone.

The count of operations excludes padding: 6 x weights x tokens for the matrix products of encoder
and joint network, forward and backward (Kaplan et al. 2020, arXiv 2001.08361, section 2.1), and 12 x width x tokens
squared for each attention. Looking up embeddings and sparse features, norms and the tagger's lattice are not counted,
so the share of the peak is a lower bound. The peak is the vendor's for dense bfloat16, or --peak; for a device that is
not listed, it is the speed of a large matrix product on it. That speed is always printed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
import types
from collections.abc import Sequence
from dataclasses import asdict
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measure import CHECKOUT, machine, table

if TYPE_CHECKING:
    import torch
    from gpu_pretraining import Pretrained
    from gpu_training import Measured

NEEDED = {"torch": "torch", "transformers": "transformers", "torchcrf": "pytorch-crf"}
"""Module: its package"""
UNUSED = ("ahocorasick_rs", "onnxruntime")
"""Libraries that the training modules import but this benchmark does not use"""
SHAPES = {"bge-small": (4, 512, 8, 2048), "bert-base": (12, 768, 12, 3072)}
"""Layers, width, heads, inner width"""
PRETRAINING = {"bge-small": ((128,), False), "bert-base": ((128, 512), True)}
"""Lengths of the rows, and whether both loops are compiled"""
LONGEST, LATEST = 150.0, 200.0
"""Seconds for all measurements of the joint model, and seconds after which none begins"""
PRETRAINING_LATEST = 400.0
"""Seconds after which no pretraining begins; compiling takes a minute"""


def main() -> None:
    began = time.monotonic()
    arguments = _arguments()
    _prepare()
    import gpu_training as training
    import torch

    from cnlu.errors import ModelError
    from cnlu.pytorch.bfloat16 import computes_bfloat16

    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("PyTorch finds no CUDA device here; give --device cpu, or set PYTHON to a Python with a CUDA build.")
    device = torch.device(arguments.device)
    half = computes_bfloat16(device) and not arguments.float32
    attainable = training.matrix_product(device, half, 8192 if device.type == "cuda" and not arguments.tiny else 512)
    label, peak = peak_of(device, arguments.peak, attainable)
    print(
        f"{label}; {'bfloat16' if half else 'float32'}; PyTorch {torch.__version__}\n"
        f"a large matrix product reaches {attainable:.3g} TFLOP/s",
        flush=True,
    )
    measured, combinations = [], _combinations(arguments)
    seconds = min(arguments.seconds, LONGEST / len(combinations))
    for model, batch, length in combinations:
        about = f"{model}, batch {batch}, length {length}"
        if time.monotonic() - began > LATEST:
            print(f"{about}: skipped, because the time is over", flush=True)
            continue
        shape = training.Shape(2, 64, 4, 128, 200) if arguments.tiny else training.Shape(*SHAPES[model])
        try:
            one = training.measure(
                model=model, shape=shape, batch=batch, length=length, device=device, half=half, seconds=seconds
            )
        except (ModelError, torch.OutOfMemoryError) as error:
            print(f"{about}: {error}", flush=True)
            continue
        measured.append(one)
        print(f"{about}: {one.examples / one.seconds:.0f} examples/s", flush=True)
    if not measured:
        sys.exit("Nothing could be measured.")
    print(f"\n{markdown(measured, peak)}\n", flush=True)
    pretrained = pretraining(arguments, device, half, began)
    print(
        f"\n{pretraining_table(pretrained, peak)}\n\n{profiles(pretrained)}\n\n{time.monotonic() - began:.0f} s in all"
    )
    if arguments.out:
        report = {
            "machine": machine(),
            "device": label,
            "peak_tflops": peak,
            "matrix_product_tflops": attainable,
            "measured": [asdict(one) for one in measured],
            "pretraining": [asdict(one) for one in pretrained],
        }
        arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def pretraining(arguments: argparse.Namespace, device: torch.device, half: bool, began: float) -> list[Pretrained]:
    """Measure steps of pretraining with cnlu's loop and the usual one."""
    import gpu_pretraining
    import gpu_training
    import torch

    found: list[Pretrained] = []
    for model, length in [(name, length) for name in arguments.models for length in PRETRAINING[name][0]]:
        about = f"pretraining {model}, rows of {length}"
        if time.monotonic() - began > PRETRAINING_LATEST:
            print(f"{about}: skipped, because the time is over", flush=True)
            continue
        tiny, compiled = arguments.tiny, PRETRAINING[model][1] and device.type == "cuda"
        setup = gpu_pretraining.Setup(
            model=model,
            shape=gpu_training.Shape(*((2, 64, 4, 128, 200) if tiny else SHAPES[model])),
            rows=gpu_pretraining.rows_for(device, length, tiny),
            length=length // 4 if tiny else length,
            device=device,
            half=half,
            compiled=compiled and not tiny,
            seconds=0.2 if tiny else arguments.seconds,
        )
        try:
            for one in gpu_pretraining.measure(setup):
                found.append(one)
                print(f"{about}, {one.loop}: {one.tokens:.0f} tokens/s", flush=True)
        except torch.OutOfMemoryError as error:
            print(f"{about}: {error}", flush=True)
    return found


def profiles(found: Sequence[Pretrained]) -> str:
    """A table for each encoder and length: the operations of cnlu's loop that take most of a step."""
    parts = []
    for one in (one for one in found if one.loop == "cnlu"):
        rows = [[f"`{op.name[:70]}`", f"{op.milliseconds:.2f}", f"{op.share:.1%}"] for op in one.profile]
        waits = "" if one.waits is None else f"; the host waited for the GPU {one.waits:.2g} times a step"
        parts.append(
            f"{one.model}, rows of {one.length}, a step of cnlu{waits}\n\n"
            + table(["operation", "ms a step", "share"], rows)
        )
    return "\n\n".join(parts)


def pretraining_table(found: Sequence[Pretrained], peak: float) -> str:
    head = [
        "encoder",
        "row",
        "loop",
        "real tokens/s",
        "cnlu is as fast",
        "TFLOP/s",
        "share of peak",
        "waiting for data",
        "peak memory GiB",
    ]
    own = {(one.model, one.length): one.tokens for one in found if one.loop == "cnlu"}
    rows = [
        [
            one.model,
            str(one.length),
            one.loop,
            f"{one.tokens:.0f}",
            f"{own[one.model, one.length] / one.tokens:.2f}x",
            f"{one.operations / 1e12:.3g}",
            f"{one.operations / 1e12 / peak:.1%}",
            f"{one.waiting:.1%}",
            f"{one.peak_memory / 2**30:.1f}" if one.peak_memory else "",
        ]
        for one in found
    ]
    return table(head, rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Training speed on a GPU.")
    parser.add_argument("--models", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--batches", nargs="+", type=int, default=[32, 256], metavar="N", help="examples per step")
    parser.add_argument(
        "--lengths", nargs="+", type=int, default=[16, 64], metavar="N", help="characters per example, at most"
    )
    parser.add_argument("--seconds", type=float, default=15.0, help="seconds to measure each combination")
    parser.add_argument("--peak", type=float, metavar="TFLOPS", help="peak of the device, instead of the listed one")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--float32", action="store_true", help="do not use bfloat16")
    parser.add_argument("--tiny", action="store_true", help="only check that the script runs: tiny shapes, short times")
    parser.add_argument("--out", type=Path, metavar="FIGURES.json")
    arguments = parser.parse_args()
    if min(*arguments.batches, *arguments.lengths) < 1 or max(arguments.lengths) > 500:
        parser.error("--batches must be at least 1, --lengths 1 to 500")
    if arguments.tiny:
        arguments.batches, arguments.lengths, arguments.seconds = [4], [8], 0.2
    return arguments


def _combinations(arguments: argparse.Namespace) -> list[tuple[str, int, int]]:
    return [(m, b, n) for m in arguments.models for b in arguments.batches for n in arguments.lengths]


def _prepare() -> None:
    """End this script with a message if a needed library is missing; replace missing ones that are not used."""
    missing = [package for module, package in NEEDED.items() if not _there(module)]
    if missing:
        sys.exit(
            f"{sys.executable} lacks {', '.join(missing)}; install {'it' if len(missing) == 1 else 'them'} there, "
            "or set PYTHON to a Python that has torch, transformers and pytorch-crf."
        )
    for module in UNUSED:
        if not _there(module):
            sys.modules[module] = _Unused(module)
    sys.path.insert(0, str(CHECKOUT))


def _there(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


class _Unused(types.ModuleType):
    """Replaces a library of which only names are imported."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, None)  # PyTorch reads it

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def peak_of(device: torch.device, given: float | None, attainable: float) -> tuple[str, float]:
    """(A description of the device, its peak in 10^12 operations per second)."""
    import torch

    from cnlu.pytorch.gpu_peaks import listed_peak

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU {machine()['cpu']}"
    if given:
        return f"{name}, peak {given:.3g} TFLOP/s from --peak", given
    known = listed_peak(name) if device.type == "cuda" else None
    if known:
        return f"{name}, peak {known:.0f} TFLOP/s", known
    return f"{name}, peak unknown: the speed of the matrix product is used", attainable


def markdown(measured: Sequence[Measured], peak: float) -> str:
    head = [
        "encoder",
        "batch",
        "characters",
        "ms a step",
        "examples/s",
        "tokens/s",
        "TFLOP/s",
        "share of peak",
        "peak memory GiB",
    ]
    rows = []
    for one in measured:
        speed = one.operations / one.seconds / 1e12
        batch = str(one.batch) if one.part == one.batch else f"{one.batch} in parts of {one.part}"
        memory = f"{one.peak_memory / 2**30:.1f}" if one.peak_memory else ""
        rows.append(
            [
                one.model,
                batch,
                f"{max(1, one.length // 2)} to {one.length}",
                f"{one.seconds / one.steps * 1000:.1f}",
                f"{one.examples / one.seconds:.0f}",
                f"{one.tokens / one.seconds:.0f}",
                f"{speed:.3g}",
                f"{speed / peak:.1%}",
                memory,
            ]
        )
    return table(head, rows)


if __name__ == "__main__":
    main()
