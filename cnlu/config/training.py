"""The settings of training: batches, optimizer, stopping and augmentation."""

from __future__ import annotations

from dataclasses import dataclass

from cnlu.config.setting import check_limits, setting
from cnlu.errors import UsageError
from cnlu.i18n import _


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Batches, optimizer, stopping, augmentation."""

    epochs: int = setting(30, "planned epochs; max_examples lowers and min_steps raises them", low=1)
    max_examples: int = setting(
        72_000,
        "epochs are lowered so that training sees at most this many examples, but not below min_epochs",
        low=1,
    )
    min_epochs: int = setting(8, "minimum number of planned epochs", low=1)
    max_epochs: int = setting(1000, "maximum number of planned epochs", low=1)
    min_steps: int = setting(600, "with few examples, epochs are raised to reach about this many steps", low=1)
    batch_size: int = setting(64, "examples per step", low=1)
    balance: float = setting(
        0.0,
        "0 samples intents as often as they occur, 1 equally often; between, by their count to the power 1-balance",
        low=0,
        high=1,
        needs=("model.multi_label: false",),
    )
    value_substitution: float = setting(
        0.0,
        "probability that an entity's value is replaced in a copy of its example, by a value of the same type and "
        "role or of the lookup table with the type's name, so that the model relies on the context; 0 makes no copies",
        low=0,
        high=1,
        needs=("model.entity_weight", "annotations"),
    )
    synonym_replacement: float = setting(
        0.0,
        "probability that a word or phrase outside entities is replaced by a synonym (帮我: 替我) in a copy of its "
        "example; 0 makes no copies",
        low=0,
        high=1,
        needs=("annotations",),
    )
    synonym_table: str = setting(
        "",
        "a file with your own groups of synonyms, used beside those of cnlu; see the user guide",
        needs=("training.synonym_replacement", "annotations"),
    )
    homophones: float = setting(
        0.0,
        "probability that a word outside entities is replaced by a homophone, the typical error of speech "
        "recognition and input methods, in a copy of its example; needs cnlu[zh]; 0 makes no copies",
        low=0,
        high=1,
        needs=("annotations",),
    )
    drop_fillers: float = setting(
        0.0,
        "probability that a filler outside entities (请问, 一下, 吧) is dropped in a copy of its example; "
        "0 makes no copies",
        low=0,
        high=1,
        needs=("annotations",),
    )
    multi_intent_pairs: float = setting(
        0.5,
        "with model.multi_label, number of examples of two concatenated sentences to add per example with an intent",
        low=0,
        high=10,
        needs=("model.multi_label", "annotations"),
    )
    learning_rate: float = setting(2e-3, "peak learning rate of the network", low=0, high=1)
    sparse_learning_rate: float = setting(2e-3, "peak learning rate of the sparse projections", low=0, high=1)
    crf_learning_rate: float = setting(1e-2, "peak learning rate of the tagger's transitions", low=0, high=1)
    weight_decay: float = setting(0.01, "weight decay of AdamW, not applied to transitions", low=0, high=1)
    warmup: float = setting(
        0.1, "share of the steps in which the learning rate rises; it falls linearly afterwards", low=0, high=0.9
    )
    clip: float = setting(1.0, "maximum gradient norm", low=0.001)
    average: float = setting(
        0.99,
        "decay of the running average of the weights that becomes the model; 0 keeps the last weights",
        low=0,
        high=0.9999,
    )
    dev_fraction: float = setting(
        0.1, "share of the examples held out for early stopping without --dev", low=0, high=0.5, needs=("dev_split",)
    )
    min_dev: int = setting(
        100,
        "with fewer dev examples the last epoch is kept, because they are too few to choose the best one; without "
        "--dev, all examples are then used for calibration, each scored by a member that did not train on it (with a "
        "trainable encoder, only the held-out ones are)",
        low=1,
    )
    refit: float = setting(
        0.25,
        "with fewer than min_dev dev examples, share of the planned epochs in which training continues on all "
        "examples after calibration; 0 never trains on the held-out ones",
        low=0,
        high=2,
        needs=("refit",),
    )
    continue_share: float = setting(
        0.25,
        "with --from, epochs as a share of those that training from scratch would plan for as many examples",
        low=0.01,
        high=2,
        needs=("continue",),
    )
    replay: int = setting(
        2000,
        "maximum number of examples that the model directory stores for a later --from, and of held-out examples; "
        "--no-store-examples stores none",
        low=1,
        needs=("store_examples",),
    )
    patience: int = setting(
        8,
        "epochs without a better dev frame accuracy before training stops (at least a quarter of the planned ones)",
        low=1,
        needs=("dev_choice",),
    )
    max_length: int = setting(
        256, "longer texts are split into overlapping windows of this many characters", low=16, high=4096
    )
    long_intent: str = setting(
        "head+tail",
        "which max_length characters of a longer text give its intent; entities are found everywhere",
        among=("head+tail", "head", "tail"),
    )
    checkpoint_seconds: int = setting(
        30, "minimum number of seconds between two checkpoints for --resume, which are saved after an epoch", low=0
    )
    seed: int = setting(1, "seed of all random numbers", low=0, high=2**32 - 1)
    threads: int = setting(1, "CPU threads; a small model makes the best use of CPU time with one", low=1, high=256)

    def __post_init__(self) -> None:
        check_limits(self, "training")
        if self.min_epochs > self.max_epochs:
            problem = _("is {low}, more than training.max_epochs: {high}", low=self.min_epochs, high=self.max_epochs)
            raise UsageError("training.min_epochs", problem, _("change one of the two"))
