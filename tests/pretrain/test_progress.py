"""The peak throughput of a GPU, which progress and the benchmark both compare with."""

from __future__ import annotations

import pytest
import torch

from cnlu_pretrain.run import progress

DENSE_BFLOAT16 = [
    ("NVIDIA H200", 989),
    ("NVIDIA H200 NVL", 835),
    ("NVIDIA H100 80GB HBM3", 989),
    ("NVIDIA H100 PCIe", 756),
    ("NVIDIA H100 NVL", 835),
    ("NVIDIA H20", 148),
    ("NVIDIA A100-SXM4-80GB", 312),
    ("NVIDIA L40S", 362),
    ("NVIDIA L40", 181),
    ("NVIDIA L4", 121),
    ("NVIDIA A10", 125),
    ("NVIDIA A10G", None),
    ("NVIDIA GeForce RTX 4090", 165),
    ("NVIDIA GeForce RTX 4090 D", None),
    ("Tesla V100-SXM2-32GB", None),
    ("Tesla T4", None),
]


@pytest.mark.parametrize(("name", "teraflops"), DENSE_BFLOAT16)
def test_the_peak_of_a_gpu_is_the_figure_of_its_data_sheet(monkeypatch, name, teraflops):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    expected = None if teraflops is None else teraflops * 1e12
    assert progress.peak_of(torch.device("cuda")) == expected


def test_a_cpu_has_no_peak():
    assert progress.peak_of(torch.device("cpu")) is None
