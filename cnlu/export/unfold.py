"""The members of an ensemble out of the graph they were joined in: the way back from training.joined.

What follows a norm took over its weights, so the norm comes back without any. The members' scores were averaged, and
labels and meanings multiplied: they come back as some that give the same scores. The network answers as the graph does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from cnlu.encoder.onnx_initializers import places, restore_layout
from cnlu.errors import CnluError, UsageError, one_line
from cnlu.export.fused_ensemble import FusedEnsemble
from cnlu.model.attention import Layer
from cnlu.model.ensemble import Ensemble
from cnlu.model.network import JointNetwork, Sizes
from cnlu.training.transfer.trained_model import TrainedModel

NOTE = "network_weights"
"""Metadata of the graph: {tensor of Joined: [constant, its form, its shape]}"""


def note_network(model: onnx.ModelProto, fused: FusedEnsemble) -> None:
    """Adds metadata from which `unfolded` finds the joined network's weights."""
    tensors = dict(fused.named_buffers())
    notes = {name: (*place, list(tensors[name].shape)) for name, place in places(model, tensors.items()).items()}
    model.metadata_props.add(key=NOTE, value=json.dumps(notes))


def unfolded(trained: TrainedModel) -> Ensemble:
    """The trained members, without their encoder. Raises UsageError where the graph does not tell."""
    try:
        return _unfolded(trained)
    except CnluError:
        raise
    except Exception as error:  # whoever wrote the notes need not have been training
        raise UsageError(
            f"{trained.path}: what it notes of its network does not fit its weights ({one_line(error)}); "
            "train it anew, without --from."
        ) from error


def _unfolded(trained: TrainedModel) -> Ensemble:
    model = onnx.load_from_string(trained.files.files["model.onnx"])
    fused, tables = _joined(model, trained), _tables(model)
    if trained.model.config.model.multi_label and any(name.startswith("intent.") for name in fused):
        raise UsageError(
            f"{trained.path}: was trained by a cnlu whose network for several intents was another; train "
            "it anew, without --from."
        )
    config, characters, sentence = trained.model.config.model, trained.model.characters, trained.model.sentence
    known = fused.get("characters_known.weight")
    width = 0 if known is None else known.shape[1]
    views = 0 if known is None else fused["sentence_known.weight"].shape[1] // width
    labels = trained.model.labels
    sizes = Sizes(
        len(characters),
        len(sentence),
        len(labels.intents),
        len(labels.role_names),
        len(labels.group_columns),
        0,
        width,
        views,
    )
    reading = trained.model.config.encoder.members if width else None
    network = Ensemble(config, sizes, trained.tags, members_with_encoder=reading, items=labels.items)
    crf, items = trained.tagger().state_dict(), trained.item_weights()
    with torch.no_grad():
        for number, member in enumerate(network.networks()):
            member.crf.load_state_dict(crf)
            _fill_tables(member, number, tables)
    if items is not None:
        network.set_item_weights(items)
    fill(network, fused)
    return network


def fill(network: Ensemble, fused: Mapping[str, Tensor]) -> None:
    """Give the members the weights of the network they were joined in, all but tables of features and transitions."""
    with torch.no_grad():
        for number, member in enumerate(network.networks()):
            _fill(member, number, network, fused)
        if not network.networks()[0].config.multi_label:
            _fill_intents(network, fused)


def _joined(model: onnx.ModelProto, trained: TrainedModel) -> dict[str, Tensor]:
    notes = {entry.key: entry.value for entry in model.metadata_props}
    if NOTE not in notes:
        raise UsageError(
            f"{trained.path}: was trained by a cnlu that did not note where the network's weights are "
            f"({trained.files.manifest['cnlu']}); train it anew, without --from."
        )
    initializers = {tensor.name: tensor for tensor in model.graph.initializer}
    placed: dict[str, tuple[str, str, list[int]]] = json.loads(notes[NOTE])
    return {
        name: torch.from_numpy(restore_layout(numpy_helper.to_array(initializers[constant]), form, tuple(shape)))
        for name, (constant, form, shape) in placed.items()
    }


def _tables(model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    """The rows of sparse features as the graph keeps them: in 8 bits, and their scales."""
    names = [f"{kind}_{part}" for kind in ("characters", "sentence") for part in ("steps", "scale")]
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer if t.name in names}


def _fill_tables(member: JointNetwork, k: int, tables: Mapping[str, NDArray[Any]]) -> None:
    narrow = member.config.sparse_width
    for name, projection in (("characters", member.characters), ("sentence", member.sentence)):
        steps = tables[f"{name}_steps"][:, k * narrow : (k + 1) * narrow].astype(np.float32)
        scale = tables[f"{name}_scale"][:, k : k + 1] / projection.scale
        projection.table.weight.copy_(torch.from_numpy(steps * scale))


def _fill(member: JointNetwork, k: int, network: Ensemble, fused: Mapping[str, Tensor]) -> None:
    config = member.config
    narrow, width = config.sparse_width, config.width
    for name, entry in (("character_in", member.character_in), ("sentence_in", member.sentence_in)):
        entry.weight[:, :narrow] = fused[f"{name}.layers.{k}.weight"]
        entry.bias.copy_(fused[f"{name}.layers.{k}.bias"])
    if member.sizes.encoder:
        member.character_in.weight[:, narrow:] = fused["characters_known.weight"][k * width : (k + 1) * width]
        views = fused["sentence_known.weight"][k * width : (k + 1) * width]
        with_encoder, shares = _mixture(views, member.sizes.views)
        member.sentence_in.weight[:, narrow:] = with_encoder
        member.mixture.copy_(shares.clamp_min(1e-6).log())
    member.norm_in.weight.copy_(fused["norm_in.weight"][k, 0])
    member.norm_in.bias.copy_(fused["norm_in.bias"][k, 0])
    for depth, layer in enumerate(member.layers):
        assert isinstance(layer, Layer)
        _fill_layer(layer, k, f"layers.{depth}", fused, config.heads)
    _fill_readers(member, k, network, fused)


def _fill_layer(layer: Layer, k: int, name: str, fused: Mapping[str, Tensor], heads: int) -> None:
    weight, bias = fused[f"{name}.qkv.layers.{k}.weight"].clone(), fused[f"{name}.qkv.layers.{k}.bias"].clone()
    width = len(weight) // 3
    weight[:width] *= math.sqrt(width // heads)  # the queries had taken over attention's scale
    bias[:width] *= math.sqrt(width // heads)
    layer.qkv.weight.copy_(weight)
    layer.qkv.bias.copy_(bias)
    for part in ("out", "wide", "narrow"):
        own: nn.Linear = getattr(layer, part)
        own.weight.copy_(fused[f"{name}.{part}.layers.{k}.weight"])
        own.bias.copy_(fused[f"{name}.{part}.layers.{k}.bias"])
    layer.position.copy_(fused[f"{name}.position"][:, k * heads : (k + 1) * heads])


def _fill_readers(member: JointNetwork, k: int, network: Ensemble, fused: Mapping[str, Tensor]) -> None:
    """Of each character. What is read of the encoder's vectors is the same for each member that hears of it."""
    readers = member.output_heads()
    sizes = [reader.out_features for reader in readers]
    own, known = _own_part(fused["reading.weight"], k, network)
    if member.sizes.encoder:
        own = torch.cat([own, known / len(_with_encoder_members(network))], 1)
    for reader, weight, bias in zip(readers, own.split(sizes), fused["reading.bias"].split(sizes), strict=True):
        reader.weight.copy_(weight)
        reader.bias.copy_(bias)


def _fill_intents(network: Ensemble, fused: Mapping[str, Tensor]) -> None:
    """All members' scores of the intents: by way of their meanings where the graph has these, else at once."""
    if "intent.0.weight" in fused:
        for k, member in enumerate(network.networks()):
            _fill_meaning(member, k, network, fused)
        return
    for k, member in enumerate(network.networks()):
        own, _ = _own_part(fused["intent.weight"], k, network)
        labels, meaning = _factors(own, member.config.label_width)
        rank = len(meaning)
        member.labels.zero_()
        member.labels[:, :rank] = labels
        member.intent_in.weight[:rank, : own.shape[1]] = meaning  # no label hears of the rest yet, and new ones may
        member.intent_in.bias.zero_()
        member.label_bias.copy_(fused["intent.bias"])
    with_encoder = _with_encoder_members(network)
    if with_encoder:
        _, known = _own_part(fused["intent.weight"], 0, network)
        _share_views(with_encoder, known)


def _share_views(with_encoder: Sequence[JointNetwork], known: Tensor) -> None:
    """Whose labels are set: find what each reads of the encoder, so that their sum is `known` [labels, K * E]."""
    first = with_encoder[0]
    views, own = first.sizes.views, first.config.width + first.config.sparse_width
    heard = torch.cat(known.chunk(views, 1))  # [K * labels, E]
    shares = [member.mixture.softmax(0) for member in with_encoder]
    ways = torch.cat(
        [torch.cat([share * m.labels for share in mine]) for m, mine in zip(with_encoder, shares, strict=True)], 1
    )
    found = torch.linalg.lstsq(ways, heard, driver="gelsd").solution  # few labels leave a choice: the smallest
    for member, weight in zip(with_encoder, found.chunk(len(with_encoder)), strict=True):
        used = member.labels.abs().sum(0) > 0
        member.intent_in.weight[used, own:] = weight[used]


def _fill_meaning(member: JointNetwork, k: int, network: Ensemble, fused: Mapping[str, Tensor]) -> None:
    space, count = member.config.label_width, len(network.networks())
    rows = slice(k * space, (k + 1) * space)
    own, known = _own_part(fused["intent.0.weight"][rows] / count, k, network)  # not a mean of several
    if member.sizes.encoder:
        shares = member.mixture.softmax(0)
        blocks = torch.stack(known.chunk(member.sizes.views, 1))
        own = torch.cat([own, (blocks * shares[:, None, None]).sum(0) / shares.square().sum()], 1)
    member.intent_in.weight.copy_(own)
    member.intent_in.bias.copy_(fused["intent.0.bias"][rows])
    member.labels.copy_(fused["intent.1.weight"][:, rows] * count)
    member.label_bias.copy_(fused["intent.1.bias"])


def _with_encoder_members(network: Ensemble) -> list[JointNetwork]:
    return [member for member in network.networks() if member.sizes.encoder]


def _own_part(weight: Tensor, k: int, network: Ensemble) -> tuple[Tensor, Tensor]:
    """Of a mean over M members of products [out, M * W + M * n + E]: member k's [out, W + n], all members' [out, E]."""
    config, count = network.networks()[k].config, len(network.networks())
    width, narrow = config.width, config.sparse_width
    own, sparse, rest = weight.split([count * width, count * narrow, weight.shape[1] - count * (width + narrow)], 1)
    parts = [own[:, k * width : (k + 1) * width], sparse[:, k * narrow : (k + 1) * narrow]]
    return torch.cat(parts, 1) * count, rest * count


def _mixture(weight: Tensor, views: int) -> tuple[Tensor, Tensor]:
    """[out, K * E], each block a share of one matrix [out, E]: the matrix, and the shares [K], which sum to 1."""
    blocks = torch.stack(weight.chunk(views, 1))
    total = blocks.sum(0)
    return total, (blocks * total).sum((1, 2)) / total.square().sum().clamp_min(1e-12)


def _factors(scores: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """A product [labels, in] as labels [labels, r] times meaning [r, in], both of the same size; r at most `most`."""
    left, sizes, right = torch.linalg.svd(scores, full_matrices=False)
    rank = min(most, len(sizes))
    root = sizes[:rank].sqrt()
    return left[:, :rank] * root, root[:, None] * right[:rank]
