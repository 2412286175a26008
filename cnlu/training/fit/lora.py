"""Low-rank additions to an encoder's linear layers (LoRA, arXiv 2106.09685), by the peft library."""

from __future__ import annotations

from torch import nn

from cnlu.encoder.backbone import Backbone
from cnlu.errors import UsageError


def add_lora(backbone: Backbone, rank: int) -> None:
    """Every linear layer of the encoder learns an addition of this rank; its own weights stay.

    Raises UsageError where peft is missing.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise UsageError(
            "encoder.tuning: lora needs peft, which is not installed; install it with: pip install 'cnlu[lora]'."
        ) from error
    names = sorted({name for name, module in backbone.layers().named_modules() if isinstance(module, nn.Linear)})
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.05, target_modules=names), backbone)


def merge_lora(backbone: nn.Module) -> None:
    """The additions become part of the weights; the layers are plain again."""
    from peft.tuners.lora import Linear

    for parent in list(backbone.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Linear):
                child.merge()
                setattr(parent, name, child.get_base_layer())
