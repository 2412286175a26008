"""The pretrained encoder of one training: loaded, checked against the settings, cut and frozen as they say."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cnlu.config import Config, EncoderConfig
from cnlu.data.schema import Example
from cnlu.encoder.backbone import Backbone
from cnlu.encoder.load import Pretrained, load_encoder
from cnlu.encoder.prune import keep_layers, prune_heads
from cnlu.encoder.transformers_logging import silent_transformers
from cnlu.errors import UsageError
from cnlu.model.encoder_output import VIEWS, AlignedEncoder
from cnlu.model.ensemble import Ensemble
from cnlu.text.normalize import simplifier
from cnlu.text.tokens import AlignedTokenizer, count_unknown, to_json
from cnlu.text.view import view
from cnlu.training.fit.lora import add_lora, merge_lora
from cnlu.training.request import Log

LARGEST = 1_900_000_000
"""Bytes of weights that fit an ONNX file, which ends at 2 GiB."""
MUCH = 0.01
"""Share of unknown characters that deserves a warning."""


@dataclass(frozen=True)
class Encoder:
    """What training needs of the encoder."""

    aligned_encoder: AlignedEncoder
    tokenizer: AlignedTokenizer
    tokens_json: str
    """The content of the model directory's tokens.json."""
    digest: str
    """Of the weights and the tokenizer, so that a resumed run goes on with the same."""
    tuning: str
    """As encoder.tuning."""

    def attach_to(self, network: Ensemble) -> None:
        """After training: the network that is exported holds the encoder, as plain weights."""
        if self.tuning == "lora":
            merge_lora(self.aligned_encoder.backbone)
        network.aligned_encoder = self.aligned_encoder

    def with_metadata(self, graph: bytes) -> bytes:
        """The exported graph with a note of where the encoder's weights are, so that others can begin from them."""
        from cnlu.encoder.from_model import add_encoder_metadata

        return add_encoder_metadata(graph, self.aligned_encoder.backbone)

    @property
    def views(self) -> int:
        return VIEWS[self.aligned_encoder.sentence]


def prepare_encoder(source: str, config: Config, log: Log, given: Pretrained | None = None) -> Encoder:
    """Of a directory or hub name, or of the one `given`, which `source` then only names.

    Raises UsageError or DataError where the encoder cannot be loaded or does not go with the settings.
    """
    if config.model.masked_tokens:
        raise UsageError("model.masked_tokens has no use beside --encoder, which sees what is hidden; leave it out.")
    pretrained = given or load_encoder(source)
    for note in pretrained.notes:
        log(f"note: {note}")
    backbone, settings = pretrained.backbone, config.encoder
    tokens = AlignedTokenizer(
        pretrained.tokenizer, pretrained.special_tokens, simplifier() if config.text.simplify else None
    )
    _check(source, tokens, backbone, config)
    digest = hashlib.sha256(pretrained.tokenizer.encode())
    for parameter in backbone.parameters():
        digest.update(parameter.detach().numpy().tobytes())
    if settings.keep_layers:
        keep_layers(backbone, settings.keep_layers)
    prune_heads(backbone, settings.prune_heads)
    _tune(source, backbone, settings)
    aligned_encoder = AlignedEncoder(backbone, settings.sentence, pretrained.special_tokens.summary)
    return Encoder(
        aligned_encoder,
        tokens,
        to_json(pretrained.tokenizer, pretrained.special_tokens),
        digest.hexdigest(),
        settings.tuning,
    )


def _check(source: str, tokens: AlignedTokenizer, backbone: Backbone, config: Config) -> None:
    if tokens.room < config.training.max_length:
        raise UsageError(
            f"{source}: reads at most {tokens.room} tokens of a text, which is shorter than the window of "
            f"training.max_length = {config.training.max_length}; set training.max_length to {tokens.room} or less."
        )
    layers, sentence = config.encoder.keep_layers or backbone.depth, config.encoder.sentence
    if VIEWS[sentence] > layers + 1:
        raise UsageError(f"encoder.sentence: {sentence} needs more layers than these {layers}; choose another one.")
    size = sum(p.numel() for p in backbone.parameters()) * 4
    if size > LARGEST:
        raise UsageError(f"{source}: has {size / 1e9:.1f} GB of weights, a model file holds 1.9; take a smaller one.")


def _tune(source: str, backbone: Backbone, settings: EncoderConfig) -> None:
    """Which parameters learn, and whether activations are kept for it."""
    if settings.checkpointing:
        model: Any = backbone.model
        try:
            with silent_transformers():
                model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        except ValueError as error:
            raise UsageError(
                f"{source}: this family cannot compute its activations twice; set encoder.accumulate instead of "
                "encoder.checkpointing."
            ) from error
    if settings.tuning != "full":
        backbone.requires_grad_(False)
    if settings.tuning == "lora":
        add_lora(backbone, settings.lora_rank)


def unknown_token_notes(tokens: AlignedTokenizer, examples: Sequence[Example]) -> str:
    """The share of characters that the encoder's vocabulary lacks, and the most frequent of them."""
    found = count_unknown(tokens, [view(example.text).text for example in examples])
    story = f"{found.share:.2%} of the training characters are [UNK] to the encoder"
    if found.characters:
        story += f", most often {' '.join(found.characters)}"
    if found.share <= MUCH:
        return story
    return f"warning: {story}; it reads nothing there: another encoder may know them"
