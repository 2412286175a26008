"""Every setting of pretraining with its default; `configs/pretrain.yaml` is generated from this module."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from cnlu.config.needs import refuse_without_effect, unmet_settings
from cnlu.config.setting import check_limits, setting
from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu_pretrain.training_config import ArchitectureConfig, DistillConfig, ObjectivesConfig, RunConfig

__all__ = [
    "ArchitectureConfig",
    "DistillConfig",
    "MaskingConfig",
    "ObjectivesConfig",
    "PrepareConfig",
    "PretrainConfig",
    "RunConfig",
    "SimilarConfig",
]


@dataclass(frozen=True, kw_only=True)
class PrepareConfig:
    """Preparing a corpus: `cnlu pretrain prepare`."""

    min_length: int = setting(2, "leave out lines with fewer characters", low=1)
    max_length: int = setting(0, "leave out lines with more characters; 0 means no limit", low=0)
    han_share: float = setting(
        0.3, "leave out lines with a smaller share of Chinese characters, not counting spaces", low=0, high=1
    )
    duplicates: bool = setting(True, "leave out lines that repeat an earlier line")
    near_duplicates: bool = setting(
        False,
        "also leave out lines that nearly repeat an earlier line, with about 0.75 or more of the same character pairs",
    )
    exclude_ngram: int = setting(
        13,
        "with --exclude, leave out lines that share this many consecutive characters with the excluded files, "
        "not counting spaces and punctuation, or are the same as one of its shorter lines",
        low=2,
        high=100,
    )
    split_sentences: bool = setting(True, "split running text into sentences at 。！？； and the like")
    segmenter: str = setting(
        "auto",
        "word segmenter: auto takes rjieba where it is installed (same words, faster), else jieba",
        among=("auto", "jieba", "rjieba"),
    )
    held_out: float = setting(
        0.02, "share of the text to hold out for evaluation, in runs of 16 sentences", low=0, high=0.5
    )
    shard_tokens: int = setting(1 << 24, "tokens of a shard; finished shards survive an interruption", low=1000)
    processes: int = setting(0, "parallel processes; 0 means one per CPU", low=0, high=1024)
    seed: int = setting(1, "random seed of the choice of held-out text", low=0, high=2**32 - 1)

    def __post_init__(self) -> None:
        check_limits(self, "prepare")


@dataclass(frozen=True, kw_only=True)
class MaskingConfig:
    """Which tokens are masked, and what replaces them."""

    strategy: str = setting(
        "ngram",
        "what is masked as a whole: token (BERT), word (BERT-wwm), ngram of 1 to 4 words (MacBERT), span of geometric "
        "length in words (SpanBERT), entity: lexicon matches, and words elsewhere (ERNIE)",
        among=("token", "word", "ngram", "span", "entity"),
    )
    rate: float = setting(0.15, "share of the tokens to mask", low=0.01, high=0.6)
    replacement: str = setting(
        "mask",
        "what replaces masked tokens: mask for [MASK], similar for similar words (MacBERT)",
        among=("mask", "similar"),
    )
    replaced: float = setting(0.8, "share of the masked tokens that are replaced this way", low=0, high=1)
    random: float = setting(
        0.1, "share of the masked tokens that become random tokens; the rest stays unchanged", low=0, high=1
    )
    drawn_per: str = setting(
        "auto",
        "what is replaced, randomized or kept together: a unit (n-gram, span or entity), a word or a token; auto "
        "follows the papers: token for token and word, word for ngram, unit for span and entity, word for similar",
        among=("auto", "unit", "word", "token"),
    )
    ngram_shares: str = setting(
        "40 30 20 10", "relative frequencies of n-grams of 1, 2, 3, ... words", needs=("masking.strategy: ngram",)
    )
    span_p: float = setting(
        0.2,
        "parameter p of the geometric distribution of span lengths",
        low=0.01,
        high=1,
        needs=("masking.strategy: span",),
    )
    span_longest: int = setting(10, "maximum span length, in words", low=1, high=64, needs=("masking.strategy: span",))

    def __post_init__(self) -> None:
        check_limits(self, "masking")
        if self.replaced + self.random > 1:
            raise UsageError(
                "masking.replaced",
                _(
                    "{replaced} and masking.random {random} are above 1 together",
                    replaced=self.replaced,
                    random=self.random,
                ),
                _("lower one of them"),
            )
        if self.replacement == "similar" and "token" in (self.strategy, self.drawn_per):
            raise UsageError(
                "masking.replacement",
                _("similar replaces whole words, so masking.strategy and masking.drawn_per cannot be token"),
                _("change one of them"),
            )
        self.ngram_probabilities()

    @property
    def resolved_drawn_per(self) -> str:
        """`drawn_per` with `auto` resolved: unit, word or token.

        Google's whole-word code draws the action per token, MacBERT per word, SpanBERT and ERNIE per span.
        """
        if self.drawn_per != "auto":
            return self.drawn_per
        if self.replacement == "similar":
            return "word"
        return {"token": "token", "word": "token", "ngram": "word"}.get(self.strategy, "unit")

    def ngram_probabilities(self) -> list[float]:
        """Probabilities of n-grams of 1, 2, ... words; raises UsageError if `ngram_shares` cannot be read."""
        try:
            shares = [float(share) for share in self.ngram_shares.split()]
        except ValueError:
            shares = []
        if not shares or not min(shares) >= 0 or not 0 < sum(shares) < math.inf or len(shares) > 16:
            raise UsageError(
                "masking.ngram_shares",
                _("{value} is not a list of shares", value=repr(self.ngram_shares)),
                _("write shares such as: 40 30 20 10"),
            )
        return [share / sum(shares) for share in shares]


@dataclass(frozen=True, kw_only=True)
class SimilarConfig:
    """Making a table of similar words: `cnlu pretrain similar`."""

    min_cosine: float = setting(0.6, "minimum cosine of a word and its neighbour in a file", low=-1, high=1)
    min_cosine_text: float = setting(0.4, "the same for vectors learned from text", low=-1, high=1)
    min_cosine_character: float = setting(
        0.7, "the same for single characters, which often have several meanings in a text", low=-1, high=1
    )
    min_attested: float = setting(
        0.2,
        "minimum share of a word's neighbouring words that also occur beside its replacement; for tables from text",
        low=0,
        high=1,
    )
    neighbours: int = setting(2, "maximum number of neighbours of a word, the best ones", low=1, high=1000)
    most_words: int = setting(
        100_000, "words to read from the beginning of a vector file, where the frequent ones are", low=1
    )
    min_count: int = setting(5, "minimum count of a word in the text", low=1)
    width: int = setting(200, "width of the vectors learned from text", low=8, high=1024)
    window: int = setting(2, "context window: words on each side", low=1, high=50)
    seed: int = setting(1, "random seed", low=0, high=2**32 - 1)

    def __post_init__(self) -> None:
        check_limits(self, "similar")


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """All settings of pretraining."""

    prepare: PrepareConfig = field(default_factory=PrepareConfig)
    masking: MaskingConfig = field(default_factory=MaskingConfig)
    similar: SimilarConfig = field(default_factory=SimilarConfig)
    objectives: ObjectivesConfig = field(default_factory=ObjectivesConfig)
    encoder: ArchitectureConfig = field(default_factory=ArchitectureConfig)
    distill: DistillConfig = field(default_factory=DistillConfig)
    run: RunConfig = field(default_factory=RunConfig)

    def __post_init__(self) -> None:
        if self.objectives.replaced_token and self.masking.replacement == "similar":
            raise UsageError(
                "objectives.replaced_token", _("the generator needs [MASK]"), _("set masking.replacement=mask")
            )
        if self.objectives.simcse and not self.run.dropout:
            raise UsageError(
                "objectives.simcse",
                _("the two vectors of a sentence differ by dropout, and run.dropout is 0"),
                _("raise run.dropout above 0, or leave it out"),
            )
        refuse_without_effect(self, unmet_settings(self))
