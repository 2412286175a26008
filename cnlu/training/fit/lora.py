"""LoRA adapters for an encoder's linear layers (arXiv 2106.09685), by the peft library."""

from __future__ import annotations

from torch import nn

from cnlu.encoder.backbone import Backbone
from cnlu.errors import UsageError
from cnlu.i18n import _


def add_lora(backbone: Backbone, rank: int) -> None:
    """Add an adapter of this rank to every linear layer of the encoder, whose own weights stay fixed.

    Raises UsageError if peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        problem = _("lora needs peft, which is not installed")
        fix = _("install it with: {command}", command="pip install 'cnlu[lora]'")
        raise UsageError("encoder.tuning", problem, fix) from error
    names = sorted({name for name, module in backbone.layers().named_modules() if isinstance(module, nn.Linear)})
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.05, target_modules=names), backbone)


def merge_lora(backbone: nn.Module) -> None:
    """Merge the adapters into the weights; the layers are plain again."""
    from peft.tuners.lora import Linear

    for parent in list(backbone.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Linear):
                child.merge()
                setattr(parent, name, child.get_base_layer())
