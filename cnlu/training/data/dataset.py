"""The examples of one training: load them, split them into training and dev, and count them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cnlu.config import Config, ModelConfig
from cnlu.config.needs import refuse_without_effect
from cnlu.data.load import load_data
from cnlu.data.multi_intent import check_repeated_intents, split_intent
from cnlu.data.schema import Example, NluData
from cnlu.data.split import stratified_split
from cnlu.errors import DataError, UsageError
from cnlu.features.lexicon import Lexicon
from cnlu.i18n import _, n_
from cnlu.runtime.labels import Labels
from cnlu.text.view import view
from cnlu.training.data.out_of_fold import all_members, hold_out_by_member
from cnlu.training.request import Log, Request


@dataclass(frozen=True)
class Dataset:
    """The examples to train on and to evaluate on."""

    data: NluData
    """The loaded data, whose dictionaries and synonyms go into the model."""
    train: list[Example]
    """The examples that the final model learns from"""
    dev: list[Example]
    """The examples that are only evaluated on; empty if there are too few to hold any out"""
    held_out_by: Sequence[int] = ()
    """For each example of `train`, the mask of the members that learn from it only after calibration; empty: none"""

    def calibration_examples(self) -> tuple[list[Example], list[int]]:
        """The examples that calibrate, and their masks: the dev examples, or those that some member leaves out."""
        if self.dev:
            return self.dev, [0] * len(self.dev)
        masked = [pair for pair in zip(self.train, self.held_out_by, strict=False) if pair[1]]
        return [example for example, _mask in masked], [mask for _example, mask in masked]


def read_dataset(request: Request, log: Log) -> Dataset:
    """Load and split. Raises DataError if there is nothing to learn, UsageError for a setting without effect."""
    config = request.config
    data = load_data(list(request.data), settings=config.data)
    if request.dev:
        refuse_without_effect(config, {"dev_split": _("has no effect with --dev")})
        dev = load_data(list(request.dev), settings=config.data).examples
        return build_dataset(data, data.examples, dev, request, log)
    return split_dataset(data, data.examples, request, log)


def split_dataset(data: NluData, examples: Sequence[Example], request: Request, log: Log) -> Dataset:
    """Split `examples`, with the dictionaries of `data`; raises as `read_dataset`."""
    config = request.config
    training = config.training
    out_of_fold = request.encoder is None or config.encoder.tuning == "frozen"
    train, dev = stratified_split(examples, training.dev_fraction, training.seed)
    return build_dataset(data, train, dev, request, log, out_of_fold=out_of_fold)


def build_dataset(
    data: NluData, train: list[Example], dev: list[Example], request: Request, log: Log, *, out_of_fold: bool = False
) -> Dataset:
    """The dataset of these examples, with the dictionaries of `data`; raises as `read_dataset`.

    If there are fewer dev examples than training.min_dev, the model is refit on all examples after calibration. With
    `out_of_fold` all examples then calibrate, each scored by the members that leave it out. This does not work if the
    members share trained weights, such as an encoder.
    """
    config = request.config
    usable, dev = _usable(train, config.model), _usable(dev, config.model)
    if len(usable) < len(train):
        log(f"note: {len(train) - len(usable)} examples without text are left out.")
    _refuse_missing_out_of_scope(usable, config.model)
    if config.model.multi_label:
        check_repeated_intents([*usable, *dev])
    if not any(example.intent is not None or example.entities for example in usable):
        raise DataError(", ".join(map(str, request.data)), _nothing_to_learn(config.model), _("annotate some first"))
    examples, members, held_out_by = [*usable, *dev], config.model.members, list[int]()
    if _refits(dev, config, bool(request.dev), out_of_fold):
        if out_of_fold:
            held_out_by = hold_out_by_member(examples, members, config.training.seed)
        else:
            held_out_by = [0] * len(usable) + [all_members(members)] * len(dev)
    if any(held_out_by):
        return Dataset(data, examples, [], held_out_by)
    if not dev:
        refuse_without_effect(config, {"dev_choice": _("has no effect with no dev examples")})
        log("note: no dev examples (too few, or training.dev_fraction is 0): the last epoch is kept, uncalibrated.")
    return Dataset(data, usable, dev)


def collect_labels(dataset: Dataset, config: Config) -> Labels:
    """The labels of the training examples."""
    return Labels.collect(dataset.train, config.model.multi_label)


def dictionary_notes(data: NluData, lexicon: Lexicon, config: Config) -> list[str]:
    """Log lines: the number of lookup entries and regexes, their use, and one line for each unused one."""
    lines = []
    if data.lookups or data.regexes:
        use = {"hint": "as hints to the model", "extractor": "as hints and as extractors", "off": "switched off"}
        lines.append(
            f"dictionaries: {lexicon.loaded} lookup entries and regexes loaded, {len(lexicon.rejected)} rejected, "
            f"used {use[config.features.lexicon]}"
        )
    return lines + [f"note: {line}" for line in [*lexicon.rejected, *lexicon.notes]]


def count_labels(examples: Iterable[Example], multi_intent: bool = False) -> dict[str, dict[str, int]]:
    """Counts of examples per intent and annotations per entity type: {"intents", "entities"}, sorted by name.

    With `multi_intent` an example of a+b counts for a and for b.
    """
    intents: Counter[str] = Counter()
    entities: Counter[str] = Counter()
    for example in examples:
        if example.intent is not None:
            intents.update(split_intent(example.intent) if multi_intent else [example.intent])
        entities.update(entity.entity for entity in example.entities)
    return {"intents": dict(sorted(intents.items())), "entities": dict(sorted(entities.items()))}


def _usable(examples: Sequence[Example], model: ModelConfig) -> list[Example]:
    """Examples with text, without annotations whose loss is off, so that the model has no untrained labels."""
    usable = [example for example in examples if len(view(example.text))]
    if not model.intent_weight:
        usable = [replace(example, intent=None) for example in usable]
    if not model.entity_weight:
        usable = [replace(example, entities=()) for example in usable]
    return usable


def _refits(dev: list[Example], config: Config, separate_dev: bool, out_of_fold: bool) -> bool:
    """Whether the model is refit on all examples in the end; never with a `separate_dev` set, that of --dev."""
    reason, training = "", config.training
    if separate_dev:
        reason = _("has no effect with --dev")
    elif len(dev) >= training.min_dev:
        reason = n_(
            "has no effect with {count} dev example, at least training.min_dev ({minimum})",
            "has no effect with {count} dev examples, at least training.min_dev ({minimum})",
            len(dev),
            minimum=training.min_dev,
        )
    elif not dev and not (out_of_fold and training.dev_fraction):
        reason = _("has no effect with no dev examples")
    if reason and training.refit:
        refuse_without_effect(config, {"refit": reason})
    return not reason and training.refit > 0


def _refuse_missing_out_of_scope(examples: list[Example], model: ModelConfig) -> None:
    name = model.out_of_scope
    if name != ModelConfig().out_of_scope and all(example.intent != name for example in examples):
        problem = _("no example has the intent {name}", name=name)
        raise UsageError("model.out_of_scope", problem, _("name an intent of the examples, or leave the setting out"))


def _nothing_to_learn(model: ModelConfig) -> str:
    if model.intent_weight and model.entity_weight:
        return _("no example has an intent or an entity")
    name = "entity" if model.intent_weight else "intent"
    return _("nothing is left to learn, because model.{name}_weight is 0", name=name)
