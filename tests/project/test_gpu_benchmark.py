"""The GPU training benchmark runs wherever PyTorch does, and counts operations correctly."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")
pytest.importorskip("transformers", reason="training needs the extra cnlu[train]")

import torch
from torch.utils.flop_counter import FlopCounterMode


@pytest.fixture
def gpu(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(checkout / "benchmarks")
    return importlib.import_module("gpu")


@pytest.fixture
def gpu_training(gpu: ModuleType) -> ModuleType:
    return importlib.import_module("gpu_training")


def run(checkout: Path, *arguments: str | Path, **extra: str) -> subprocess.CompletedProcess[str]:
    script = ["sh", str(checkout / "benchmarks" / "gpu.sh"), *map(str, arguments)]
    env = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1", **extra}
    return subprocess.run(script, capture_output=True, encoding="utf-8", env=env, timeout=300)


@pytest.mark.slow
def test_it_runs_without_a_gpu(checkout: Path, tmp_path: Path) -> None:
    done = run(checkout, "--device", "cpu", "--tiny", "--models", "bert-base", "--out", tmp_path / "figures.json")
    assert done.returncode == 0, done.stderr
    assert "share of peak" in done.stdout
    report = json.loads((tmp_path / "figures.json").read_text("utf-8"))
    (one,) = report["measured"]
    assert one["examples"] == 4 * one["steps"] > 0
    assert one["tokens"] > one["examples"]
    assert 0 < one["operations"] / one["seconds"] / 1e12 < report["peak_tflops"]
    loops = [(one["length"], one["loop"]) for one in report["pretraining"]]
    assert loops == [(length, loop) for length in (32, 128) for loop in ("cnlu", "run_mlm, packed")]
    assert done.stdout.count(", a step of cnlu") == 2
    assert all(one["profile"][0]["share"] > 0 for one in report["pretraining"])
    assert all(0 < one["operations"] / 1e12 < report["peak_tflops"] for one in report["pretraining"])


def test_without_a_gpu_it_says_so(checkout: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    done = run(checkout, "--tiny")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "no CUDA device" in done.stderr


def test_a_missing_library_is_named(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "torchcrf.py").write_text("raise ImportError\n", "utf-8")
    done = run(checkout, "--device", "cpu", "--tiny", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "lacks pytorch-crf; install it there" in done.stderr


@pytest.mark.slow
def test_libraries_that_only_parsing_needs_may_be_missing(checkout: Path, tmp_path: Path) -> None:
    for module in ("ahocorasick_rs", "onnxruntime", "jieba", "onnx"):
        (tmp_path / f"{module}.py").write_text("raise ImportError\n", "utf-8")
    code = "import gpu; gpu._prepare(); import gpu_training; gpu_training.build(gpu_training.Shape(1, 8, 2, 16, 20))"
    paths = os.pathsep.join([str(tmp_path), str(checkout / "benchmarks")])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", env={**os.environ, "PYTHONPATH": paths}
    )
    assert done.returncode == 0, done.stderr


def test_the_work_counted_is_the_work_done(gpu_training: ModuleType) -> None:
    """All texts have one length, so there is no padding; the CRF, which is not counted, is added."""
    shape, length = gpu_training.Shape(2, 64, 4, 128, 200), 24
    network, tags = gpu_training.build(shape)
    rows = [row for row in gpu_training.synthetic_rows(400, length, shape.word_pieces, tags) if len(row) == length][:8]
    accumulator = gpu_training.GradientAccumulator(
        network=network.train(),
        rows=rows,
        device=torch.device("cpu"),
        character_masking=None,
        micro_batch_size=len(rows),
        bfloat16=False,
        log=print,
    )
    with FlopCounterMode(display=False) as counter:
        accumulator.accumulate(range(len(rows)))
    expected = len(rows) * gpu_training.operations(network)(length, length + 2)
    lattice = len(rows) * 4 * 6 * (length - 1) * len(tags.tags) ** 2
    assert counter.get_total_flops() == pytest.approx(expected + lattice, rel=0.02)


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H200", 989),
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA L4", 121),
        ("NVIDIA L40S", 362),
        ("NVIDIA GeForce RTX 4090", 165),
        ("Tesla T4", 77.0),
    ],
)
def test_known_devices_have_their_own_peak(
    gpu: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str, peak: float
) -> None:
    """A device that the table lacks has the peak that a large matrix product reaches."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    assert gpu.peak_of(torch.device("cuda"), None, 77.0)[1] == peak
