"""Set up the pretrained encoder of a training: load, check, prune and freeze it according to the settings."""

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
from cnlu.i18n import _
from cnlu.model.encoder_output import VIEWS, AlignedEncoder
from cnlu.model.ensemble import Ensemble
from cnlu.text.normalize import simplifier
from cnlu.text.tokens import AlignedTokenizer, count_unknown, to_json
from cnlu.text.view import view
from cnlu.training.fit.lora import add_lora, merge_lora
from cnlu.training.request import Log

MAX_WEIGHT_BYTES = 1_900_000_000
"""Maximum bytes of weights in an ONNX file, which is limited to 2 GiB."""
UNKNOWN_WARNING = 0.01
"""Share of unknown characters above which the user is warned."""


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """The encoder as training uses it."""

    aligned_encoder: AlignedEncoder
    tokenizer: AlignedTokenizer
    tokens_json: str
    """The content of the model directory's tokens.json."""
    digest: str
    """Hash of the weights and the tokenizer, so that a resumed run has the same encoder."""
    tuning: str
    """The setting encoder.tuning."""

    def attach_to(self, network: Ensemble) -> None:
        """Put the encoder into the trained network for export, with LoRA merged into its weights."""
        if self.tuning == "lora":
            merge_lora(self.aligned_encoder.backbone)
        network.aligned_encoder = self.aligned_encoder

    def with_metadata(self, graph: bytes) -> bytes:
        """The exported graph with metadata on the encoder's weights, so that another training can start from them."""
        from cnlu.encoder.from_model import add_encoder_metadata

        return add_encoder_metadata(graph, self.aligned_encoder.backbone)

    @property
    def views(self) -> int:
        """Vectors per sentence."""
        return VIEWS[self.aligned_encoder.sentence]


def prepare_encoder(source: str, config: Config, log: Log, pretrained: Pretrained | None = None) -> Encoder:
    """The encoder of a directory or hub name. With `pretrained`, that encoder; `source` is then only its name.

    Raises UsageError or DataError if the encoder cannot be loaded or does not fit the settings.
    """
    if config.model.masked_tokens:
        problem = _("has no effect with an encoder, which sees the hidden characters")
        raise UsageError("model.masked_tokens", problem, _("leave it out, or train with --encoder none"))
    pretrained = pretrained or load_encoder(source)
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
        aligned_encoder=aligned_encoder,
        tokenizer=tokens,
        tokens_json=to_json(pretrained.tokenizer, pretrained.special_tokens),
        digest=digest.hexdigest(),
        tuning=settings.tuning,
    )


def _check(source: str, tokens: AlignedTokenizer, backbone: Backbone, config: Config) -> None:
    if tokens.max_text_tokens < config.training.max_length:
        raise UsageError(
            source,
            _(
                "takes at most {room} tokens of a text, fewer than training.max_length = {length}",
                room=tokens.max_text_tokens,
                length=config.training.max_length,
            ),
            _("set training.max_length to {room} or less", room=tokens.max_text_tokens),
        )
    layers, sentence = config.encoder.keep_layers or backbone.num_hidden_layers, config.encoder.sentence
    if VIEWS[sentence] > layers + 1:
        problem = _("{value} needs more layers than {layers}", value=sentence, layers=layers)
        raise UsageError("encoder.sentence", problem, _("choose another value"))
    size = sum(p.numel() for p in backbone.parameters()) * 4
    if size > MAX_WEIGHT_BYTES:
        problem = _("has {size} GB of weights, but a model file holds at most 1.9 GB", size=f"{size / 1e9:.1f}")
        raise UsageError(source, problem, _("use a smaller encoder"))


def _tune(source: str, backbone: Backbone, settings: EncoderConfig) -> None:
    """Set which parameters are trained, and gradient checkpointing."""
    if settings.checkpointing:
        model: Any = backbone.model
        try:
            with silent_transformers():
                model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        except ValueError as error:
            problem = _("this family does not support gradient checkpointing")
            fix = _("set encoder.accumulate instead of encoder.checkpointing")
            raise UsageError(source, problem, fix) from error
    if settings.tuning != "full":
        backbone.requires_grad_(False)
    if settings.tuning == "lora":
        add_lora(backbone, settings.lora_rank)


def unknown_token_notes(tokens: AlignedTokenizer, examples: Sequence[Example]) -> str:
    """The share of characters that the encoder's vocabulary lacks, and the most frequent of them."""
    unknown = count_unknown(tokens, [view(example.text).text for example in examples])
    note = f"{unknown.share:.2%} of the training characters are [UNK] to the encoder"
    if unknown.characters:
        note += f", most often {' '.join(unknown.characters)}"
    if unknown.share <= UNKNOWN_WARNING:
        return note
    return f"warning: {note}; it has no information about them, so another encoder may be better"
