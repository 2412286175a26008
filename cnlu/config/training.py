"""The settings of training: batches, optimizer, stopping and augmentation."""

from __future__ import annotations

from dataclasses import dataclass

from cnlu.config.setting import check_limits, setting
from cnlu.errors import UsageError
from cnlu.i18n import _


@dataclass(frozen=True)
class TrainingConfig:
    """Batches, optimizer, stopping, augmentation."""

    epochs: int = setting(30, "passes over the training data, where neither much nor little data asks otherwise", low=1)
    max_examples: int = setting(
        72_000,
        "passes are cut so that no more examples than this are seen, but never below min_epochs",
        low=1,
    )
    min_epochs: int = setting(8, "fewest planned passes", low=1)
    max_epochs: int = setting(1000, "most planned passes", low=1)
    min_steps: int = setting(600, "with few examples passes are added until about this many steps are made", low=1)
    batch_size: int = setting(64, "examples a step", low=1)
    balance: float = setting(
        0.0,
        "0 draws intents as often as they occur, 1 equally often, between: their count to the power 1-balance",
        low=0,
        high=1,
        needs=("model.multi_label: false",),
    )
    value_substitution: float = setting(
        0.0,
        "chance that an entity's value gives way to another of its type and role, or of the lookup table that is named "
        "like its type, in a second copy of its example, so that more is learned from what stands around it; 0 makes "
        "none",
        low=0,
        high=1,
        needs=("model.entity_weight", "annotations"),
    )
    synonym_replacement: float = setting(
        0.0,
        "chance that a word or phrase outside entities gives way to one of the same meaning (帮我: 替我) in a second "
        "copy of its example; 0 makes none",
        low=0,
        high=1,
        needs=("annotations",),
    )
    synonym_table: str = setting(
        "",
        "a file of your own groups of words of one meaning, beside those that come with cnlu; see the user guide",
        needs=("training.synonym_replacement", "annotations"),
    )
    homophones: float = setting(
        0.0,
        "chance that a word outside entities gives way to one that sounds the same, as speech recognition and input "
        "methods err, in a second copy of its example; needs cnlu[zh]; 0 makes none",
        low=0,
        high=1,
        needs=("annotations",),
    )
    drop_fillers: float = setting(
        0.0,
        "chance that a filler outside entities (请问, 一下, 吧) is left out in a second copy of its example; 0 makes "
        "none",
        low=0,
        high=1,
        needs=("annotations",),
    )
    multi_intent_pairs: float = setting(
        0.5,
        "with model.multi_label, so many further examples are made for each with an intent, of two sentences joined",
        low=0,
        high=10,
        needs=("model.multi_label", "annotations"),
    )
    learning_rate: float = setting(2e-3, "peak rate of the network", low=0, high=1)
    sparse_learning_rate: float = setting(2e-3, "peak rate of the sparse projections", low=0, high=1)
    crf_learning_rate: float = setting(1e-2, "peak rate of the tagger's transitions", low=0, high=1)
    weight_decay: float = setting(0.01, "AdamW's decay, transitions exempt", low=0, high=1)
    warmup: float = setting(0.1, "share of the steps in which the rate rises; it falls linearly after", low=0, high=0.9)
    clip: float = setting(1.0, "largest gradient norm", low=0.001)
    average: float = setting(
        0.99, "decay of the running average of the weights that is kept; 0 keeps the last", low=0, high=0.9999
    )
    dev_fraction: float = setting(
        0.1, "share of the examples held out for early stopping without --dev", low=0, high=0.5, needs=("dev_split",)
    )
    min_dev: int = setting(
        100,
        "with fewer dev examples than this the last epoch is kept, for so few would choose one by luck; without --dev "
        "none are held out then, and all examples calibrate, each by a network that left it out (with an encoder that "
        "learns, those held out do)",
        low=1,
    )
    refit: float = setting(
        0.25,
        "with fewer than min_dev dev examples, so many of the planned passes are made again over all examples, once "
        "those that some or all networks left out calibrated; 0 holds dev examples out for good",
        low=0,
        high=2,
        needs=("refit",),
    )
    continue_share: float = setting(
        0.25,
        "with --from, so many of the passes planned for as many examples are made",
        low=0.01,
        high=2,
        needs=("continue",),
    )
    replay: int = setting(
        2000,
        "most examples that the model directory keeps to be learned again under a later --from, and most of those "
        "held out; --no-store-examples keeps none",
        low=1,
        needs=("store_examples",),
    )
    patience: int = setting(
        8,
        "epochs without a better dev frame accuracy before training stops (at least a quarter of those planned)",
        low=1,
        needs=("dev_choice",),
    )
    max_length: int = setting(
        256, "longer texts are cut into overlapping windows of this many characters", low=16, high=4096
    )
    long_intent: str = setting(
        "head+tail",
        "which max_length characters of a longer text its intent is read from; entities are found everywhere",
        among=("head+tail", "head", "tail"),
    )
    checkpoint_seconds: int = setting(30, "how often, at most, the state for --resume is saved (after an epoch)", low=0)
    seed: int = setting(1, "fixes everything random", low=0, high=2**32 - 1)
    threads: int = setting(1, "CPU threads; a model this small is fastest per CPU second with one", low=1, high=256)

    def __post_init__(self) -> None:
        check_limits(self, "training")
        if self.min_epochs > self.max_epochs:
            problem = _("is {low}, more than training.max_epochs: {high}", low=self.min_epochs, high=self.max_epochs)
            raise UsageError("training.min_epochs", problem, _("change one of the two"))
