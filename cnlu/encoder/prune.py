"""Make an encoder smaller before training: fewer layers, fewer attention heads per layer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnlu.encoder.backbone import Backbone
from cnlu.errors import UsageError
from cnlu.i18n import _


def keep_layers(backbone: Backbone, count: int) -> None:
    """Keep `count` evenly spaced layers, the last one included.

    4 of 12 are the 3rd, 6th, 9th and 12th: the layers that TinyBERT's student learns from (arXiv 1909.10351,
    section 3.1, uniform mapping). ALBERT runs its one layer `count` times. Raises UsageError if `count` is not between
    1 and the number of layers.
    """
    depth, layers = backbone.num_hidden_layers, backbone.layers()
    if not 1 <= count <= depth:
        raise UsageError(
            "encoder.keep_layers",
            _("is {count}, but this encoder has {depth} layers", count=count, depth=depth),
            _("set 1 to {depth}", depth=depth),
        )
    if len(layers) == depth:
        kept_layers = {-(-(i + 1) * depth // count) - 1 for i in range(count)}
        for i in reversed(range(depth)):
            if i not in kept_layers:
                del layers[i]
    elif len(layers) != 1:
        raise UsageError(
            "encoder.keep_layers",
            _(
                "{family} shares {count} layers among {depth} steps, so none can be removed",
                family=backbone.config.model_type,
                count=len(layers),
                depth=depth,
            ),
            _("leave it 0"),
        )
    backbone.config.num_hidden_layers = count
    assert len(_states(backbone)) == count + 1


def prune_heads(backbone: Backbone, share: float) -> None:
    """Remove this share (rounded) of the attention heads of each layer, the weakest first; at least one head stays.

    Many heads can be removed with little loss (Michel et al. 2019, arXiv 1905.10650, who rank them by the gradient of
    the loss). Before training there is no loss, so a head is ranked by how much it can add to a token's vector: the
    Frobenius norm of the product of its output weights and its value weights, bias included. The linear layers shrink.
    Raises UsageError for a family whose heads cannot be removed.
    """
    if not 0.0 <= share < 1.0:
        raise UsageError(
            "encoder.prune_heads", _("is {share}", share=share), _("set a share of at least 0 and below 1")
        )
    if share == 0.0:
        return
    attentions = _attentions(backbone.layers())
    if not attentions:
        problem = _("the heads of {family} cannot be removed one by one", family=backbone.config.model_type)
        raise UsageError("encoder.prune_heads", problem, _("leave it 0"))
    pruned_heads = [(attention, _weakest(attention, round(share * attention.heads))) for attention in attentions]
    if not any(pruned for _, pruned in pruned_heads):
        return
    with torch.no_grad():
        for attention, pruned in pruned_heads:
            for head in pruned:
                attention.out.weight[:, attention.rows(head)] = 0.0
    expected = _states(backbone)
    for attention, pruned in pruned_heads:
        _keep_heads(attention, [head for head in range(attention.heads) if head not in pruned])
    if not all(torch.allclose(a, b, atol=1e-4) for a, b in zip(expected, _states(backbone), strict=True)):
        problem = _("{family} does not work with heads removed", family=backbone.config.model_type)
        raise UsageError("encoder.prune_heads", problem, _("leave it 0"))


@dataclass(frozen=True, kw_only=True)
class _Attention:
    """The attention of one layer; a head is `head_size` rows of query, key and value, and as many columns of `out`."""

    module: nn.Module
    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    out: nn.Linear
    head_size: int

    @property
    def heads(self) -> int:
        return self.value.out_features // self.head_size

    def rows(self, head: int) -> slice:
        return slice(head * self.head_size, (head + 1) * self.head_size)


def _attentions(layers: nn.ModuleList) -> list[_Attention]:
    """All attention modules that are built like those of BERT, ALBERT or DistilBERT."""
    modules = dict(layers.named_modules())
    attentions = []
    for path, module in modules.items():
        head_size = getattr(module, "attention_head_size", None)
        for names in (("query", "key", "value"), ("q_lin", "k_lin", "v_lin")):
            query, key, value = (modules.get(f"{path}.{name}") for name in names)
            parent = path.rpartition(".")[0]
            places = (f"{parent}.output.dense", f"{path}.dense", f"{path}.out_lin")
            out = next((modules[place] for place in places if place in modules), None)
            if not isinstance(head_size, int) or not isinstance(out, nn.Linear):
                continue
            if isinstance(query, nn.Linear) and isinstance(key, nn.Linear) and isinstance(value, nn.Linear):
                attentions.append(
                    _Attention(module=module, query=query, key=key, value=value, out=out, head_size=head_size)
                )
    return attentions


def _weakest(attention: _Attention, count: int) -> set[int]:
    """The heads with the smallest norm of out_h [width, head_size] @ value_h [head_size, width + 1]."""
    value, out = attention.value.weight.detach(), attention.out.weight.detach()
    if attention.value.bias is not None:
        value = torch.cat([value, attention.value.bias.detach()[:, None]], 1)
    norms = []
    for head in range(attention.heads):
        rows = attention.rows(head)
        inner, outer = value[rows], out[:, rows]
        norms.append(float(((outer.T @ outer) * (inner @ inner.T)).sum()))  # the squared norm, without the product
    order = sorted(range(attention.heads), key=norms.__getitem__)
    return set(order[: min(count, attention.heads - 1)])


def _keep_heads(attention: _Attention, heads: list[int]) -> None:
    index = torch.cat([torch.arange(attention.head_size) + head * attention.head_size for head in heads])
    for linear in (attention.query, attention.key, attention.value):
        linear.weight = _parameter(linear.weight[index])
        if linear.bias is not None:
            linear.bias = _parameter(linear.bias[index])
        linear.out_features = len(index)
    attention.out.weight = _parameter(attention.out.weight[:, index])
    attention.out.in_features = len(index)
    for name, size in (("num_attention_heads", len(heads)), ("n_heads", len(heads)), ("all_head_size", len(index))):
        if hasattr(attention.module, name):
            setattr(attention.module, name, size)


def _parameter(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.detach().clone())


def _states(backbone: Backbone) -> tuple[Tensor, ...]:
    """The hidden states of a fixed batch with padding."""
    training = backbone.training
    ids = torch.arange(14).reshape(2, 7) % backbone.vocab_size
    mask = torch.ones(2, 7)
    mask[1, 5:] = 0
    with torch.no_grad():
        states = backbone.eval()(ids, mask)
    backbone.train(training)
    return states
