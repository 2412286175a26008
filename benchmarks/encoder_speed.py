"""Parse latency of a model with an encoder: in float32, in 8 bits, and the same network in eager PyTorch.

    python benchmarks/encoder_speed.py MODEL TEXTS [--torch] [--beside MODEL...] [--length 12] [--rounds 5]
                                       [--out FIGURES.json]

MODEL is a directory that `cnlu train --encoder` wrote without --int8; TEXTS as for speed.py. All parse the same
sentences in one process, on one thread, one sentence at a time, from text to parse result. They differ only in what
runs the network: ONNX Runtime with the model's graph, ONNX Runtime with that graph in 8 bits as `--int8` writes it,
and with --torch also PyTorch. PyTorch runs the model's encoder and a joint network of the same shape with random
weights, which takes equally long. --beside adds further models, such as students. All take turns every ten sentences,
in a changing order, so that a temporarily busy machine affects all of them alike. --length N selects the texts of N
characters, give or take one.

Figures are medians and 95th percentiles of all parses, in wall and CPU time; on a shared machine, CPU time is the more
reliable one. The last column is the share of the sentences with the frame (intent, spans, types) that
float32 gives.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy or PyTorch is imported: later it would have no effect

import onnx
import onnxruntime
import torch
from measure import machine, megabytes, table
from speed import read_texts

import cnlu
from cnlu.data.tags import TagSet
from cnlu.encoder.from_model import load_from_graph
from cnlu.export.quantize import quantize
from cnlu.model.encoder_output import VIEWS, AlignedEncoder
from cnlu.model.ensemble import Ensemble
from cnlu.model.network import Sizes
from cnlu.runtime.interpreter import Interpreter

TURN, WARM_UP = 10, 20

Parse = Callable[[str], dict[str, Any]]


def main() -> None:
    arguments = _arguments()
    texts = read_texts(arguments.texts)
    if arguments.length:
        texts = [text for text in texts if abs(len(text) - arguments.length) <= 1]
        if len(texts) < 2:
            sys.exit(f"{arguments.texts}: has fewer than two texts of {arguments.length} characters.")
    torch.set_num_threads(1)
    model = cnlu.load(arguments.model)
    graph = (arguments.model / "model.onnx").read_bytes()
    if model.tokens is None or "MatMulInteger" in {node.op_type for node in onnx.load_from_string(graph).graph.node}:
        sys.exit(f"{arguments.model}: has no encoder, or one in 8 bits; give a model trained with --encoder alone.")
    rounded = quantize(graph)
    parsers: dict[str, Parse] = {"float32": model.parse, "int8": _with_session(model, _session(rounded)).parse}
    if arguments.torch:
        parsers["PyTorch"] = _with_session(model, Eager(_network(model, graph, str(arguments.model)))).parse
    beside = {path.resolve().name: path for path in arguments.beside}
    parsers |= {name: cnlu.load(path).parse for name, path in beside.items()}
    taken = time_parsers(parsers, texts, arguments.rounds)
    whole = megabytes(arguments.model)
    sizes = {"float32": whole, "int8": whole - (len(graph) - len(rounded)) / 1e6}
    sizes |= {name: megabytes(path) for name, path in beside.items()}
    figures = {name: figures_of(taken[name]) | {"MB": sizes.get(name)} for name in parsers}
    for name in ("float32", "int8", *beside):
        expected = map(_frame, map(model.parse, texts))
        same = sum(one == other for one, other in zip(expected, map(_frame, map(parsers[name], texts)), strict=True))
        figures[name]["same frames"] = same / len(texts)
    long = statistics.mean(map(len, texts))
    print(f"{len(texts)} sentences of {long:.1f} characters on average, {arguments.rounds} rounds; one thread\n")
    print(markdown(figures))
    if arguments.out:
        report = {"sentences": len(texts), "machine": machine(), "figures": figures, "milliseconds": taken}
        arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Latency of a model with an encoder, in float32 and in 8 bits.")
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("texts", type=Path, metavar="TEXTS")
    parser.add_argument("--torch", action="store_true", help="also run the network in eager PyTorch")
    parser.add_argument("--beside", nargs="+", type=Path, default=[], metavar="MODEL", help="further models to compare")
    parser.add_argument("--length", type=int, default=0, metavar="N", help="only texts of about N characters")
    parser.add_argument("--rounds", type=int, default=5, help="passes over the sentences")
    parser.add_argument("--out", type=Path, metavar="FIGURES.json")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    return arguments


class Eager:
    """Runs the network in PyTorch, with the interface of an ONNX Runtime session."""

    def __init__(self, network: Ensemble) -> None:
        self.network = network

    @torch.inference_mode()
    def run(self, outputs: None, inputs: Mapping[str, Any]) -> list[Any]:
        found = self.network({name: torch.from_numpy(array) for name, array in inputs.items()})
        return [output.numpy() for output in found]


def _network(model: Interpreter, graph: bytes, where: str) -> Ensemble:
    """The model's encoder with a joint network of the model's shape and random weights."""
    settings, labels = model.config, model.labels
    backbone = load_from_graph(graph, where)
    assert model.tokens is not None
    aligned_encoder = AlignedEncoder(backbone, settings.encoder.sentence, model.tokens.special_tokens.summary)
    sizes = Sizes(
        character_features=len(model.characters),
        sentence_features=len(model.sentence),
        intents=len(labels.intents),
        roles=len(labels.role_names),
        groups=len(labels.group_columns),
        encoder=backbone.width,
        views=VIEWS[settings.encoder.sentence],
    )
    tags: TagSet = labels.tag_set(settings.model.tagging)
    return Ensemble(settings.model, sizes, tags, aligned_encoder=aligned_encoder).eval()


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _with_session(model: Interpreter, session: Any) -> Interpreter:
    return dataclasses.replace(model, session=session)


def time_parsers(parsers: Mapping[str, Parse], texts: list[str], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of each parse after a warm-up: name -> {"ms", "cpu_ms"}."""
    for parse in parsers.values():
        for text in texts[:WARM_UP]:
            parse(text)
    timings: dict[str, dict[str, list[float]]] = {name: {"ms": [], "cpu_ms": []} for name in parsers}
    names = list(parsers)
    for _ in range(rounds):
        for first in range(0, len(texts), TURN):
            names = [*names[1:], names[0]]
            for name in names:
                for text in texts[first : first + TURN]:
                    start, worked = time.perf_counter(), time.process_time()
                    parsers[name](text)
                    timings[name]["cpu_ms"].append(round((time.process_time() - worked) * 1000, 4))
                    timings[name]["ms"].append(round((time.perf_counter() - start) * 1000, 4))
    return timings


def figures_of(timings: Mapping[str, list[float]]) -> dict[str, Any]:
    figures = {}
    for key, unit in (("ms", "ms"), ("cpu_ms", "CPU ms")):
        cuts = statistics.quantiles(timings[key], n=100, method="inclusive")
        figures |= {f"p50 {unit}": cuts[49], f"p95 {unit}": cuts[94]}
    return figures


def _frame(result: dict[str, Any]) -> tuple[Any, ...]:
    return result["intent"]["name"], [(e["start"], e["end"], e["entity"]) for e in result["entities"]]


def markdown(figures: Mapping[str, Mapping[str, Any]]) -> str:
    titles = ["MB", "p50 ms", "p95 ms", "p50 CPU ms", "p95 CPU ms", "same frames"]
    rows = []
    for name, found in figures.items():
        shown = [f"{found['MB']:.1f}" if found["MB"] else ""]
        shown += [f"{found[title]:.2f}" for title in titles[1:5]]
        rows.append([name, *shown, f"{found['same frames']:.3f}" if "same frames" in found else ""])
    return table(["", *titles], rows)


if __name__ == "__main__":
    main()
