"""Opens a graph in ONNX Runtime, with its telemetry switched off: from 1.29 its Linux builds send usage data.

To allow telemetry, set ORT_DISABLE_TELEMETRY=0 before the process starts.
"""

from __future__ import annotations

import os
from typing import TypeAlias

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when onnxruntime is imported

import onnxruntime

if os.environ["ORT_DISABLE_TELEMETRY"] == "1":
    onnxruntime.disable_telemetry_events()  # for when another module imported onnxruntime first

Session: TypeAlias = onnxruntime.InferenceSession


def open_graph(graph: bytes, threads: int = 1) -> Session:
    """A session that runs the graph on the CPU with `threads` threads; raises ONNX Runtime's errors for a broken graph.

    Pass an untrusted graph through `graph_check` first: ONNX Runtime opens the files that a graph names.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
