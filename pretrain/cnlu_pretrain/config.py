"""Every setting of pretraining, its default and what it does; `configs/pretrain.yaml` is written from these."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from cnlu.config.needs import refuse_without_effect, unmet_settings
from cnlu.config.setting import check_limits, setting
from cnlu.errors import UsageError
from cnlu.i18n import _


@dataclass(frozen=True)
class PrepareConfig:
    """Text to a prepared corpus: `cnlu pretrain prepare`."""

    min_length: int = setting(2, "a line of fewer characters is left out", low=1)
    max_length: int = setting(0, "a line of more characters is left out; 0 leaves none out", low=0)
    han_share: float = setting(
        0.3, "a line with a smaller share of Chinese characters (spaces not counted) is left out", low=0, high=1
    )
    duplicates: bool = setting(True, "a line that repeats an earlier one is left out")
    near_duplicates: bool = setting(
        False,
        "so is a line that is nearly an earlier one: about 0.75 or more of their pairs of characters are the same",
    )
    split_sentences: bool = setting(True, "running text is divided into sentences at 。！？； and the like")
    segmenter: str = setting(
        "auto",
        "who cuts words: auto takes rjieba when installed (same words, faster), else jieba",
        among=("auto", "jieba", "rjieba"),
    )
    held_out: float = setting(
        0.02, "share of the text that is kept apart to measure on, in pieces of a document", low=0, high=0.5
    )
    shard_tokens: int = setting(1 << 24, "tokens of a shard, after which progress is safe on disk", low=1000)
    processes: int = setting(0, "processes that work side by side; 0 is one for each CPU", low=0, high=1024)
    seed: int = setting(1, "fixes which text is held out", low=0, high=2**32 - 1)

    def __post_init__(self) -> None:
        check_limits(self, "prepare")


@dataclass(frozen=True)
class MaskingConfig:
    """Which tokens are hidden, and what stands in their place."""

    strategy: str = setting(
        "ngram",
        "what is hidden as a whole: token (BERT), word (BERT-wwm), ngram of 1 to 4 words (MacBERT), span of geometric "
        "length in words (SpanBERT), entity: hits of the lexicon, else words (ERNIE)",
        among=("token", "word", "ngram", "span", "entity"),
    )
    rate: float = setting(0.15, "share of the tokens that are hidden", low=0.01, high=0.6)
    replacement: str = setting(
        "mask",
        "mask puts [MASK] in the place of what is hidden; similar puts similar words there (MacBERT; needs --similar)",
        among=("mask", "similar"),
    )
    replaced: float = setting(0.8, "share of what is hidden that is replaced so", low=0, high=1)
    random: float = setting(0.1, "share that is replaced at random; the rest stays as it is", low=0, high=1)
    drawn_per: str = setting(
        "auto",
        "what is replaced, random or kept together: a unit (n-gram, span or entity), a word, a token; auto does as "
        "each paper: token for token and word, word for ngram, unit for span and entity, word where similar words are "
        "put in",
        among=("auto", "unit", "word", "token"),
    )
    ngram_shares: str = setting(
        "40 30 20 10", "of n-grams of 1, 2, 3 ... words, in any unit", needs=("masking.strategy: ngram",)
    )
    span_p: float = setting(
        0.2, "of the geometric distribution of span lengths", low=0.01, high=1, needs=("masking.strategy: span",)
    )
    span_longest: int = setting(10, "longest span, in words", low=1, high=64, needs=("masking.strategy: span",))

    def __post_init__(self) -> None:
        check_limits(self, "masking")
        if self.replaced + self.random > 1:
            raise UsageError(
                f"masking.replaced ({self.replaced}) and masking.random ({self.random}) are above 1 together."
            )
        if self.replacement == "similar" and "token" in (self.strategy, self.drawn_per):
            raise UsageError(
                "masking.replacement: similar puts whole words in; masking.strategy and masking.drawn_per cannot be "
                "token."
            )
        self.ngram_chances()

    @property
    def together(self) -> str:
        """What is replaced, random or kept together, `auto` resolved.

        Google's whole-word code draws for each token, MacBERT for each word, SpanBERT and ERNIE for each span.
        """
        if self.drawn_per != "auto":
            return self.drawn_per
        if self.replacement == "similar":
            return "word"
        return {"token": "token", "word": "token", "ngram": "word"}.get(self.strategy, "unit")

    def ngram_chances(self) -> list[float]:
        """Of n-grams of 1, 2, ... words; raises UsageError where `ngram_shares` is no list of shares."""
        try:
            shares = [float(share) for share in self.ngram_shares.split()]
        except ValueError:
            shares = []
        if not shares or not min(shares) >= 0 or not 0 < sum(shares) < math.inf or len(shares) > 16:
            raise UsageError(f"masking.ngram_shares is {self.ngram_shares!r}; write shares such as: 40 30 20 10.")
        return [share / sum(shares) for share in shares]


@dataclass(frozen=True)
class SimilarConfig:
    """Which words count as similar: `cnlu pretrain similar`."""

    min_cosine: float = setting(0.6, "a word less similar than this is no neighbour", low=-1, high=1)
    neighbours: int = setting(10, "most neighbours of a word, the most similar", low=1, high=1000)
    most_words: int = setting(100_000, "words of a vector file that are looked at, its first and most frequent", low=1)
    min_count: int = setting(10, "a word seen less often in the text gets no vector", low=1)
    width: int = setting(100, "of the vectors made of text", low=8, high=1024)
    window: int = setting(5, "words on each side that a word's vector is learned from", low=1, high=50)
    passes: int = setting(5, "over the text", low=1, high=1000)
    threads: int = setting(
        0,
        "that learn side by side; 0 is one for each CPU, and only 1 gives the same vectors each time",
        low=0,
        high=1024,
    )
    seed: int = setting(1, "fixes everything random", low=0, high=2**32 - 1)

    def __post_init__(self) -> None:
        check_limits(self, "similar")


@dataclass(frozen=True)
class ObjectivesConfig:
    """What is learned, each with its weight in the loss; 0 leaves it out."""

    masked: float = setting(1.0, "guessing what is hidden (masked language model)", low=0, high=1000)
    order: str = setting(
        "none",
        "of two pieces of text: sop tells whether they were swapped (ALBERT, MacBERT), nsp whether the second follows "
        "the first at all (BERT); rows are then not packed",
        among=("none", "sop", "nsp"),
    )
    order_weight: float = setting(1.0, "of that", low=0, high=1000, needs=("objectives.order: sop | nsp",))
    span_boundary: float = setting(
        0.0, "guessing what is hidden from what stands on both sides of its span (SpanBERT uses 1)", low=0, high=1000
    )
    replaced_token: float = setting(
        0.0,
        "telling which tokens a small generator put in the place of hidden ones (ELECTRA uses 50); the encoder then "
        "sees no [MASK], and `masked` is the generator's",
        low=0,
        high=1000,
    )
    generator_share: float = setting(
        0.25,
        "width of the generator as a share of the encoder's",
        low=0.05,
        high=1,
        needs=("objectives.replaced_token",),
    )

    def __post_init__(self) -> None:
        check_limits(self, "objectives")
        if self.replaced_token and not self.masked:
            raise UsageError("objectives.replaced_token needs objectives.masked: the generator learns by it.")
        if self.replaced_token and self.span_boundary:
            problem = _("has no effect with {setting}", setting=f"objectives.replaced_token: {self.replaced_token:g}")
            raise UsageError("objectives.span_boundary", problem, _("leave one of the two out"))
        if not self.masked and not self.span_boundary and (self.order == "none" or not self.order_weight):
            raise UsageError("objectives: every weight is 0, so there is nothing to learn.")


@dataclass(frozen=True)
class BodyConfig:
    """The shape of an encoder that starts from nothing: `--init random`."""

    layers: int = setting(4, "transformer layers", low=1, high=96)
    width: int = setting(256, "of the hidden states", low=8, high=8192)
    heads: int = setting(4, "attention heads; must divide width", low=1, high=128)
    feedforward: int = setting(1024, "of the layers' inner layer", low=8, high=65536)
    positions: int = setting(512, "most tokens of a text", low=16, high=65536)

    def __post_init__(self) -> None:
        check_limits(self, "body")
        if self.width % self.heads:
            raise UsageError(f"body.width ({self.width}) must be a multiple of body.heads ({self.heads}).")


@dataclass(frozen=True)
class RunConfig:
    """The training loop: `cnlu pretrain run`."""

    passes: float = setting(3.0, "over the corpus, where --max-steps does not say how long to train", low=0.001)
    length: int = setting(128, "tokens of a row, marks included", low=16, high=8192)
    long_length: int = setting(0, "tokens of a row in the last part of the steps; 0 is no such part", low=0, high=8192)
    long_share: float = setting(0.1, "of the steps that have long rows", low=0.001, high=1, needs=("run.long_length",))
    batch_tokens: int = setting(8192, "tokens of a step, over all processes", low=16)
    accumulate: int = setting(1, "parts a process computes its rows in, one after another, to save memory", low=1)
    optimizer: str = setting("adamw", "adamw, or lamb for very large batches", among=("adamw", "lamb"))
    learning_rate: float = setting(1e-4, "peak rate", low=0, high=1)
    schedule: str = setting(
        "linear",
        "of the rate: linear rises over `warmup` and falls to 0 at the end; triangle peaks in the middle; constant "
        "stays",
        among=("linear", "triangle", "constant"),
    )
    warmup: float = setting(
        0.06, "share of the steps in which the rate rises", low=0, high=0.9, needs=("run.schedule: linear | constant",)
    )
    weight_decay: float = setting(0.01, "biases and norms are exempt", low=0, high=1)
    clip: float = setting(1.0, "largest gradient norm", low=0.001)
    dropout: float = setting(0.1, "in the encoder", low=0, high=0.9)
    head_warmup: int = setting(
        50, "steps in which a head that starts from nothing learns alone, before the encoder does too", low=0
    )
    precision: str = setting(
        "auto",
        "of the arithmetic; auto takes bfloat16 where the device computes it natively",
        among=("auto", "float32", "bfloat16"),
    )
    attention: str = setting(
        "sdpa", "how transformers computes attention", among=("sdpa", "eager", "flash_attention_2")
    )
    compile: bool = setting(False, "torch.compile: faster on a GPU after a minute of compiling")
    checkpointing: bool = setting(False, "compute activations twice instead of keeping them: less memory, slower")
    log_every: int = setting(10, "steps between lines of the log", low=1)
    evaluate_every: int = setting(200, "steps between looks at the held-out text", low=1)
    evaluate_tokens: int = setting(50_000, "of held-out text that is looked at", low=16)
    checkpoint_every: int = setting(500, "steps between checkpoints", low=1)
    keep: int = setting(2, "checkpoints that are kept, the newest", low=1)
    seed: int = setting(1, "fixes everything random", low=0, high=2**32 - 1)
    threads: int = setting(0, "CPU threads; 0 leaves them to PyTorch", low=0, high=1024)

    def __post_init__(self) -> None:
        check_limits(self, "run")
        for length in (self.length, self.long_length):
            if length > self.batch_tokens:
                raise UsageError(f"run.batch_tokens ({self.batch_tokens}) is less than one row of {length} tokens.")


@dataclass(frozen=True)
class PretrainConfig:
    """All settings of pretraining."""

    prepare: PrepareConfig = field(default_factory=PrepareConfig)
    masking: MaskingConfig = field(default_factory=MaskingConfig)
    similar: SimilarConfig = field(default_factory=SimilarConfig)
    objectives: ObjectivesConfig = field(default_factory=ObjectivesConfig)
    body: BodyConfig = field(default_factory=BodyConfig)
    run: RunConfig = field(default_factory=RunConfig)

    def __post_init__(self) -> None:
        if self.objectives.replaced_token and self.masking.replacement == "similar":
            raise UsageError("objectives.replaced_token hides by [MASK]; leave masking.replacement at mask.")
        refuse_without_effect(self, unmet_settings(self))
