"""A network's graph on ONNX Runtime, which is kept from sending usage data: from 1.29 on its Linux builds do.

Whoever wants it sent sets ORT_DISABLE_TELEMETRY=0 before the start.
"""

from __future__ import annotations

import os
from typing import TypeAlias

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when onnxruntime is imported

import onnxruntime

if os.environ["ORT_DISABLE_TELEMETRY"] == "1":
    onnxruntime.disable_telemetry_events()  # where something else imported it before

Session: TypeAlias = onnxruntime.InferenceSession


def open_graph(graph: bytes, threads: int = 1) -> Session:
    """A session on the CPU that computes with so many threads; raises what ONNX Runtime does for a broken graph.

    A graph that somebody else may have made goes through `graph_check` first: ONNX Runtime opens files that it names.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
