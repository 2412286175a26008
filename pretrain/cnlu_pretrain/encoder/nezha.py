"""NEZHA with a head for masked tokens, read from its published files and written back under the same names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers.models.bert.modeling_bert import BertOnlyMLMHead

from cnlu.encoder.nezha import NezhaConfig, NezhaModel
from cnlu.encoder.weights import rename_weights

_TIED = ("cls.predictions.decoder.weight", "cls.predictions.decoder.bias")
"""Names of the output layer: the word embeddings, and `cls.predictions.bias`"""


class NezhaForMaskedLM(nn.Module):
    """NEZHA (arXiv 1909.00204) with BERT's head, and the part of a transformers model's interface that is used."""

    base_model_prefix = "nezha"

    def __init__(self, config: NezhaConfig) -> None:
        super().__init__()
        self.config = config
        self.nezha = NezhaModel(config)
        self.cls = BertOnlyMLMHead(config)
        self.cls.apply(self.nezha._initialize)
        self._tie()

    @property
    def base_model(self) -> NezhaModel:
        return self.nezha

    def get_input_embeddings(self) -> nn.Embedding:
        return self.nezha.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Linear:
        decoder: nn.Linear = self.cls.predictions.decoder
        return decoder

    def resize_token_embeddings(self, vocabulary: int, **_: Any) -> None:
        """Add rows to the embedding table and the output layer; the caller fills them."""
        old, bias = self.get_input_embeddings().weight, self.cls.predictions.bias
        added = vocabulary - len(old)
        with torch.no_grad():
            weight = torch.cat([old, old.new_zeros(added, old.shape[1])])
            self.nezha.embeddings.word_embeddings = nn.Embedding(vocabulary, old.shape[1], _weight=weight)
            self.cls.predictions.bias = nn.Parameter(torch.cat([bias, bias.new_zeros(added)]))
        self.config.vocab_size = vocabulary
        self._tie()

    def gradient_checkpointing_enable(self, *_: Any) -> None:
        self.nezha.gradient_checkpointing_enable()

    def _tie(self) -> None:
        """The output layer shares the word embeddings, as in BERT."""
        decoder, predictions = self.get_output_embeddings(), self.cls.predictions
        decoder.weight, decoder.bias = self.get_input_embeddings().weight, predictions.bias
        decoder.out_features = len(decoder.weight)


def load_nezha(config: NezhaConfig, weights: dict[str, Tensor]) -> tuple[NezhaForMaskedLM, set[str]]:
    """(the model in float32, the names of missing weights); raises RuntimeError for a weight of another shape."""
    model = NezhaForMaskedLM(config)
    base, prefix = set(model.nezha.state_dict()), f"{model.base_model_prefix}."
    renamed = {
        f"{prefix}{name}" if name in base else name: value.float()
        for name, value in rename_weights(weights, base).items()
    }
    expected = set(model.state_dict()) - set(_TIED)
    model.load_state_dict({name: value for name, value in renamed.items() if name in expected}, strict=False)
    return model, expected - set(renamed)


def save_nezha(folder: Path, model: NezhaForMaskedLM | NezhaModel) -> None:
    """Write config.json and model.safetensors; a `NezhaModel` is written without a head."""
    headless = isinstance(model, NezhaModel)
    prefix = f"{NezhaForMaskedLM.base_model_prefix}." if headless else ""
    model.config.architectures = [type(model).__name__]
    weights = {f"{prefix}{name}": value for name, value in model.state_dict().items() if name not in _TIED}
    content = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    save_file(content, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(model.config.to_json_string(use_diff=False), "utf-8")
