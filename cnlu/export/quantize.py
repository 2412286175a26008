"""Quantizes the larger weights of an exported graph to 8 bits: a third of the size, and twice as fast on a CPU.

ONNX Runtime's dynamic quantization handles matrix products: weights become int8 with a scale for each output, and
activations are measured and rounded for each text. Embeddings become int8 rows with a scale each, like the tables of
sparse features.
"""

from __future__ import annotations

import logging

import numpy as np
import onnx
from onnx import helper, numpy_helper

from cnlu.encoder.onnx_initializers import ROWS, SCALE
from cnlu.io.temporary import scratch_folder

MIN_WEIGHTS = 1 << 16
"""Minimum number of weights of a quantized matrix; rounding smaller ones would save nothing."""
MIN_COLUMNS = 16
"""Minimum length of a quantized row of a table. Shorter rows are the scales of sparse features, one for each member."""


def quantize(graph: bytes) -> bytes:
    """The graph from `onnx_export.export_onnx` with matrices in 8 bits, those of the encoder and the joint network.

    The encoder's metadata stay if its weights can be recovered from the result.
    """
    quantized = _quantized(graph)
    if not onnx.load_from_string(graph).metadata_props:
        return quantized
    from cnlu.encoder.from_model import keep_metadata_if_recoverable  # imports transformers, which takes seconds

    return keep_metadata_if_recoverable(quantized, graph)


def _quantized(graph: bytes) -> bytes:
    """The graph in 8 bits with all metadata, which name its float32 initializers."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load_from_string(graph)
    del model.graph.value_info[:]  # the quantizer would compare old shapes with new ones
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    matrix_nodes = [node for node in model.graph.node if any(_is_matrix(weights.get(name)) for name in node.input[:2])]
    for node in matrix_nodes:
        if node.op_type == "Gather" and weights[node.input[0]].dims[1] >= MIN_COLUMNS:
            _round_rows(model, node, weights[node.input[0]])
    products = [node.name for node in matrix_nodes if node.op_type == "MatMul"]
    # The quantizer turns a Gemm node into a MatMul node of this name.
    products += [f"{node.name}_MatMul" for node in matrix_nodes if node.op_type == "Gemm"]
    if not products:  # without names, the quantizer would take all nodes
        return bytes(model.SerializeToString())
    with scratch_folder() as folder:
        path = folder / "model.onnx"
        level = logging.root.manager.disable
        logging.disable(logging.WARNING)  # the quantizer recommends a preparation that the exporter has done
        try:
            quantize_dynamic(
                model,
                path,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=["MatMul"],
                nodes_to_quantize=products,
                per_channel=True,
                extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
            )
        finally:
            logging.disable(level)
        return path.read_bytes()


def _is_matrix(tensor: onnx.TensorProto | None) -> bool:
    if tensor is None or tensor.data_type != onnx.TensorProto.FLOAT or len(tensor.dims) != 2:
        return False
    return tensor.dims[0] * tensor.dims[1] >= MIN_WEIGHTS


def _round_rows(model: onnx.ModelProto, node: onnx.NodeProto, table: onnx.TensorProto) -> None:
    """Gather(table, ids) becomes Cast(Gather(rows, ids)) * Gather(scales, ids)."""
    values = numpy_helper.to_array(table)
    scale = np.maximum(np.abs(values).max(1, keepdims=True), 1e-12).astype(np.float32) / 127
    rows = np.round(values / scale).astype(np.int8)
    name, ids, out = table.name, node.input[1], node.output[0]
    new_nodes = [
        helper.make_node("Gather", [name + ROWS, ids], [f"{out}_rows"], f"{node.name}_rows", axis=0),
        helper.make_node("Cast", [f"{out}_rows"], [f"{out}_float"], f"{node.name}_cast", to=onnx.TensorProto.FLOAT),
        helper.make_node("Gather", [name + SCALE, ids], [f"{out}_scale"], f"{node.name}_scale", axis=0),
        helper.make_node("Mul", [f"{out}_float", f"{out}_scale"], [out], f"{node.name}_mul"),
    ]
    index = list(model.graph.node).index(node)
    model.graph.node.remove(node)
    for offset, new_node in enumerate(new_nodes):
        model.graph.node.insert(index + offset, new_node)
    if not any(name in other.input for other in model.graph.node):
        model.graph.initializer.remove(table)
        model.graph.initializer.append(numpy_helper.from_array(rows, name + ROWS))
        model.graph.initializer.append(numpy_helper.from_array(scale, name + SCALE))
