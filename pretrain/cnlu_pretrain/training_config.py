"""The settings of training: the objectives, the size of a new encoder, learning from a teacher, and the run itself."""

from __future__ import annotations

from dataclasses import dataclass

from cnlu.config.setting import check_limits, setting
from cnlu.errors import UsageError
from cnlu.i18n import _


@dataclass(frozen=True, kw_only=True)
class ObjectivesConfig:
    """The training objectives, each with its weight in the loss; 0 turns one off."""

    masked: float = setting(1.0, "masked language modelling: predict the masked tokens", low=0, high=1000)
    order: str = setting(
        "none",
        "sentence-pair objective: sop predicts whether two pieces are swapped (ALBERT, MacBERT), nsp whether the "
        "second follows the first (BERT); rows are then not packed",
        among=("none", "sop", "nsp"),
    )
    order_weight: float = setting(
        1.0, "weight of the sentence-pair objective", low=0, high=1000, needs=("objectives.order: sop | nsp",)
    )
    span_boundary: float = setting(
        0.0, "predict masked tokens from the tokens on both sides of their span (SpanBERT uses 1)", low=0, high=1000
    )
    replaced_token: float = setting(
        0.0,
        "detect the tokens that a small generator replaced (ELECTRA uses 50); the encoder then sees no [MASK], and "
        "`masked` is the weight of the generator's loss",
        low=0,
        high=1000,
    )
    generator_share: float = setting(
        0.25,
        "width of the generator as a share of the encoder's width",
        low=0.05,
        high=1,
        needs=("objectives.replaced_token",),
    )
    simcse: float = setting(
        0.0,
        "contrastive learning (SimCSE): the vectors of a sentence under two dropout masks are pulled closer "
        "together than those of other sentences; two more passes over the text make a step about three times as long",
        low=0,
        high=1000,
        needs=("run.isolate: sentence",),
    )
    original: float = setting(
        0.0,
        "distance to the token and sentence vectors of the original encoder, on text without masks; two more "
        "passes over the text, one of them without gradients",
        low=0,
        high=1000,
    )

    def __post_init__(self) -> None:
        check_limits(self, "objectives")
        if self.replaced_token and not self.masked:
            raise UsageError(
                "objectives.replaced_token",
                _("the generator learns by objectives.masked, which is 0"),
                _("raise it above 0"),
            )
        if self.replaced_token and self.span_boundary:
            raise UsageError(
                "objectives.span_boundary",
                _("has no effect with objectives.replaced_token"),
                _("leave one of them out"),
            )
        learned = self.masked, self.span_boundary, self.simcse, self.order != "none" and self.order_weight
        if not any(learned):
            raise UsageError(
                "objectives", _("every weight is 0, so there is nothing to learn"), _("raise one of them above 0")
            )

    @property
    def trains_head(self) -> bool:
        """Whether the encoder's head for masked tokens is trained; ELECTRA trains that of the generator."""
        return bool(self.masked) and not self.replaced_token


@dataclass(frozen=True, kw_only=True)
class ArchitectureConfig:
    """The size of a new encoder, of `--init random` or `cnlu pretrain distill`; the names are those of Hugging Face."""

    num_hidden_layers: int = setting(4, "number of transformer layers", low=1, high=96)
    hidden_size: int = setting(256, "width of the hidden states", low=8, high=8192)
    embedding_size: int = setting(
        0, "width of the token embeddings, which a linear layer widens; 0 means hidden_size", low=0, high=8192
    )
    num_attention_heads: int = setting(4, "number of attention heads; must divide hidden_size", low=1, high=128)
    intermediate_size: int = setting(1024, "width of the feed-forward layers", low=8, high=65536)
    max_position_embeddings: int = setting(512, "maximum number of tokens in a text", low=16, high=65536)

    def __post_init__(self) -> None:
        check_limits(self, "encoder")
        if self.embedding_size > self.hidden_size:
            raise UsageError(
                "encoder.embedding_size",
                _("{size} is more than encoder.hidden_size, {width}", size=self.embedding_size, width=self.hidden_size),
                _("lower it; 0 means the same width"),
            )
        if self.hidden_size % self.num_attention_heads:
            raise UsageError(
                "encoder.hidden_size",
                _(
                    "{width} is not a multiple of encoder.num_attention_heads, {heads}",
                    width=self.hidden_size,
                    heads=self.num_attention_heads,
                ),
                _("change one of them"),
            )


@dataclass(frozen=True, kw_only=True)
class DistillConfig:
    """Learning from a teacher: `cnlu pretrain distill`. The size of the student is that of the `encoder` section."""

    hidden: float = setting(
        1.0, "weight of the distance to the teacher's hidden states, layer by layer (TinyBERT)", low=0, high=1000
    )
    sentence: float = setting(
        1.0, "weight of the distance to the teacher's sentence vector, that of [CLS]", low=0, high=1000
    )
    min_count: int = setting(
        5, "leave out pieces of the teacher's vocabulary that are rarer in the corpus; single characters stay", low=1
    )

    def __post_init__(self) -> None:
        check_limits(self, "distill")
        if not self.hidden and not self.sentence:
            raise UsageError(
                "distill", _("both weights are 0, so nothing is learned from the teacher"), _("raise one of them")
            )


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Training: `cnlu pretrain run`."""

    passes: float = setting(3.0, "passes over the corpus; --max-steps takes precedence", low=0.001)
    length: int = setting(128, "tokens of a row, with special tokens", low=16, high=8192)
    long_length: int = setting(
        0, "tokens of a row in the last part of training; 0 turns that part off", low=0, high=8192
    )
    long_share: float = setting(0.1, "share of the steps with long rows", low=0.001, high=1, needs=("run.long_length",))
    isolate: str = setting(
        "none",
        "which text of a packed row a token attends to: none: the whole row; document: its part of a document; "
        "sentence: its sentence. Isolated text has its own special tokens, and its positions start at 0",
        among=("none", "document", "sentence"),
        needs=("objectives.order: none", "run.attention: sdpa"),
    )
    batch_tokens: int = setting(8192, "tokens of a step, over all processes", low=16)
    accumulate: int = setting(1, "gradient accumulation: parts of a step that are computed one after another", low=1)
    optimizer: str = setting("adamw", "adamw, or lamb for very large batches", among=("adamw", "lamb"))
    learning_rate: float = setting(1e-4, "peak learning rate", low=0, high=1)
    schedule: str = setting(
        "linear",
        "learning-rate schedule: linear rises over `warmup` and falls to 0 at the end; triangle peaks in the middle; "
        "constant stays at the peak after `warmup`",
        among=("linear", "triangle", "constant"),
    )
    warmup: float = setting(
        0.06,
        "share of the steps in which the learning rate rises",
        low=0,
        high=0.9,
        needs=("run.schedule: linear | constant",),
    )
    weight_decay: float = setting(0.01, "weight decay; biases and norms are exempt", low=0, high=1)
    clip: float = setting(1.0, "maximum gradient norm", low=0.001)
    dropout: float = setting(0.1, "dropout of the encoder", low=0, high=0.9)
    frozen_layers: int = setting(
        0, "number of the encoder's layers, from below, that are not trained; above 0, nor are the embeddings", low=0
    )
    wise_ft: float = setting(
        1.0,
        "mixing coefficient alpha of weight-space ensembling (WiSE-FT): each weight of the written encoder is alpha "
        "times the trained one plus 1 - alpha times the original one; 1 writes the trained weights",
        low=0,
        high=1,
    )
    head_warmup: int = setting(
        50,
        "steps in which a new head trains alone, with the encoder frozen; the encoder then follows the schedule of the "
        "remaining steps from its start, so its learning rate rises from 0 by a `warmup` of its own",
        low=0,
    )
    precision: str = setting(
        "auto",
        "number format: auto takes bfloat16 where the device computes it natively",
        among=("auto", "float32", "bfloat16"),
    )
    attention: str = setting(
        "sdpa", "attention implementation of transformers", among=("sdpa", "eager", "flash_attention_2")
    )
    compile: bool = setting(False, "use torch.compile: faster on a GPU after a minute of compiling")
    checkpointing: bool = setting(False, "gradient checkpointing: recompute activations to save memory, slower")
    log_every: int = setting(10, "steps between lines of the log", low=1)
    evaluate_every: int = setting(200, "steps between evaluations on held-out text", low=1)
    evaluate_tokens: int = setting(50_000, "tokens of held-out text to evaluate on", low=16)
    checkpoint_every: int = setting(500, "steps between checkpoints", low=1)
    keep: int = setting(2, "number of checkpoints to keep, the newest ones", low=1)
    seed: int = setting(1, "random seed", low=0, high=2**32 - 1)
    threads: int = setting(0, "CPU threads; 0 leaves the number to PyTorch", low=0, high=1024)

    def __post_init__(self) -> None:
        check_limits(self, "run")
        for length in (self.length, self.long_length):
            if length > self.batch_tokens:
                raise UsageError(
                    "run.batch_tokens",
                    _("{tokens} is less than one row of {length} tokens", tokens=self.batch_tokens, length=length),
                    _("raise it or shorten the rows"),
                )
