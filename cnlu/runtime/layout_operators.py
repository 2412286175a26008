"""Shape rules of the operators that rearrange elements: reshape, slice, gather, concatenate and the like."""

from __future__ import annotations

import math

import numpy as np

from cnlu.runtime.onnx_file import SMALL, Node
from cnlu.runtime.shape_inference import (
    BadShape,
    InferredValue,
    Inputs,
    broadcast,
    known_integers,
    known_sizes,
    normalize_axis,
)


def shape_of(node: Node, inputs: Inputs) -> InferredValue:
    sizes = inputs[0].shape[slice(node.attributes.get("start", 0), node.attributes.get("end"))]
    return InferredValue((len(sizes),), np.array(sizes, np.int64))


def gather(node: Node, inputs: Inputs) -> InferredValue:
    data, indices = inputs
    axis = normalize_axis(node.attributes.get("axis", 0), len(data.shape))
    content = None
    if data.content is not None and indices.content is not None and axis == 0:
        content = data.content[np.array(indices.content)]
    return InferredValue((*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :]), content)


def gather_elements(node: Node, inputs: Inputs) -> InferredValue:
    return InferredValue(inputs[1].shape)


def gather_nd(node: Node, inputs: Inputs) -> InferredValue:
    data, indices = inputs[0].shape, inputs[1].shape
    batch = node.attributes.get("batch_dims", 0)
    if not indices or not 0 <= batch < len(indices) or not 0 < indices[-1] <= len(data) - batch:
        raise BadShape(f"no indices {indices} into {data}")
    return InferredValue((*indices[:-1], *data[batch + indices[-1] :]))


def concat(node: Node, inputs: Inputs) -> InferredValue:
    axis = normalize_axis(node.attributes.get("axis", 0), len(inputs[0].shape))
    rests = {value.shape[:axis] + value.shape[axis + 1 :] for value in inputs}
    if len(rests) != 1:
        raise BadShape("the concatenated values differ in another axis")
    shape = list(inputs[0].shape)
    shape[axis] = sum(value.shape[axis] for value in inputs)
    contents = [value.content for value in inputs if value.content is not None]
    is_known = len(shape) == 1 and shape[0] <= SMALL and len(contents) == len(inputs)
    return InferredValue(tuple(shape), np.concatenate(contents) if is_known else None)


def reshape(node: Node, inputs: Inputs) -> InferredValue:
    target, size = known_integers(inputs[1]), math.prod(inputs[0].shape)
    if not node.attributes.get("allowzero", 0):
        target = [inputs[0].shape[k] if n == 0 and k < len(inputs[0].shape) else n for k, n in enumerate(target)]
    if -1 in target:
        rest = math.prod(n for n in target if n != -1)
        target[target.index(-1)] = size // rest if rest > 0 else 0
    if any(n < 0 for n in target) or math.prod(target) != size:
        raise BadShape(f"{inputs[0].shape} is not {target}")
    content = inputs[0].content
    return InferredValue(tuple(target), None if content is None else content.reshape(target))


def unsqueeze(node: Node, inputs: Inputs) -> InferredValue:
    axes = known_integers(inputs[1])
    rank = len(inputs[0].shape) + len(axes)
    new_axes = {normalize_axis(axis, rank) for axis in axes}
    rest = iter(inputs[0].shape)
    if len(new_axes) != len(axes):
        raise BadShape("an axis occurs twice")
    shape = tuple(1 if k in new_axes else next(rest) for k in range(rank))
    content = inputs[0].content
    return InferredValue(shape, None if content is None else content.reshape(shape))


def squeeze(node: Node, inputs: Inputs) -> InferredValue:
    shape, rank = inputs[0].shape, len(inputs[0].shape)
    axes = known_integers(inputs[1]) if len(inputs) > 1 else [k for k in range(rank) if shape[k] == 1]
    removed = {normalize_axis(axis, rank) for axis in axes}
    if any(shape[k] != 1 for k in removed):
        raise BadShape(f"an axis of {shape} is not 1")
    remaining = tuple(n for k, n in enumerate(shape) if k not in removed)
    content = inputs[0].content
    return InferredValue(remaining, None if content is None else content.reshape(remaining))


def transpose(node: Node, inputs: Inputs) -> InferredValue:
    rank = len(inputs[0].shape)
    order = node.attributes.get("perm", list(range(rank))[::-1])
    if sorted(order) != list(range(rank)):
        raise BadShape(f"{order} is not a permutation of {rank} axes")
    return InferredValue(tuple(inputs[0].shape[k] for k in order))


def slice_(node: Node, inputs: Inputs) -> InferredValue:
    starts, ends = known_integers(inputs[1]), known_integers(inputs[2])
    axes = known_integers(inputs[3]) if len(inputs) > 3 else list(range(len(starts)))
    steps = known_integers(inputs[4]) if len(inputs) > 4 else [1] * len(starts)
    shape, rank = list(inputs[0].shape), len(inputs[0].shape)
    cuts = [slice(None)] * rank
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        axis = normalize_axis(axis, rank)
        if step < 1:
            raise BadShape(f"a step of {step}")
        cuts[axis] = slice(start, end, step)
        shape[axis] = len(range(*cuts[axis].indices(inputs[0].shape[axis])))
    content = inputs[0].content
    return InferredValue(tuple(shape), None if content is None else content[tuple(cuts)])


def split(node: Node, inputs: Inputs) -> list[InferredValue]:
    shape, count = inputs[0].shape, len(node.outputs)
    axis = normalize_axis(node.attributes.get("axis", 0), len(shape))
    if len(inputs) > 1:
        sizes = known_integers(inputs[1])
    else:
        size = -(-shape[axis] // count)
        sizes = [min(size, max(0, shape[axis] - k * size)) for k in range(count)]
    if len(sizes) != count or sum(sizes) != shape[axis] or min(sizes) < 0:
        raise BadShape(f"{shape} is not split into {sizes}")
    return [InferredValue((*shape[:axis], size, *shape[axis + 1 :])) for size in sizes]


def expand(node: Node, inputs: Inputs) -> InferredValue:
    return InferredValue(broadcast([inputs[0].shape, known_sizes(inputs[1])]))


def constant_of_shape(node: Node, inputs: Inputs) -> InferredValue:
    return InferredValue(known_sizes(inputs[0]))


def tile(node: Node, inputs: Inputs) -> InferredValue:
    return InferredValue(tuple(n * times for n, times in zip(inputs[0].shape, known_sizes(inputs[1]), strict=True)))


def range_(node: Node, inputs: Inputs) -> InferredValue:
    (start,), (end,), (step,) = map(known_integers, inputs)
    if not step:
        raise BadShape("a step of 0")
    values = range(start, end, step)
    return InferredValue((len(values),), np.array(values, np.int64) if len(values) <= SMALL else None)


def pad(node: Node, inputs: Inputs) -> InferredValue:
    rank, pads = len(inputs[0].shape), known_integers(inputs[1])
    axes = [normalize_axis(axis, rank) for axis in known_integers(inputs[3])] if len(inputs) > 3 else list(range(rank))
    shape = list(inputs[0].shape)
    for k, axis in enumerate(axes):
        shape[axis] += pads[k] + pads[k + len(axes)]
    if min(shape, default=0) < 0 or len(pads) != 2 * len(axes):
        raise BadShape(f"no padding {pads} of {inputs[0].shape}")
    return InferredValue(tuple(shape))
