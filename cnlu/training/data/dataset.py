"""The examples of one training: read, divided into training and dev, and what there is to say about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cnlu.config import Config, ModelConfig, TrainingConfig
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
    """What is learned from and what is measured on."""

    data: NluData
    """As read; its dictionaries and synonyms go into the model."""
    train: list[Example]
    """What is learned from, sooner or later"""
    dev: list[Example]
    """What is only measured on; empty where there are too few examples to hold any out."""
    held_out_by: Sequence[int] = ()
    """Of each of `train` the bits of the members that learn from it only once it has calibrated; empty: all learn"""

    def calibration_examples(self) -> tuple[list[Example], list[int]]:
        """The examples that calibrate, and their bits: those held out, or those that some member leaves out."""
        if self.dev:
            return self.dev, [0] * len(self.dev)
        chosen = [pair for pair in zip(self.train, self.held_out_by, strict=False) if pair[1]]
        return [example for example, _ in chosen], [bits for _, bits in chosen]


def read_dataset(request: Request, log: Log) -> Dataset:
    """Raises DataError where there is nothing to learn, UsageError for a setting that could have no effect."""
    config = request.config
    data = load_data(list(request.data), settings=config.data)
    if request.dev:
        refuse_without_effect(config, {"dev_split": _("has no effect with --dev")})
        dev = load_data(list(request.dev), settings=config.data).examples
        return build_dataset(data, data.examples, dev, request, log)
    return split_dataset(data, data.examples, request, log)


def split_dataset(data: NluData, examples: Sequence[Example], request: Request, log: Log) -> Dataset:
    """`examples` alone, a part of them held out for dev, with the dictionaries of `data`; raises as `read_dataset`."""
    config = request.config
    training = config.training
    in_turn = request.encoder is None or config.encoder.tuning == "frozen"
    return build_dataset(data, *stratified_split(examples, training.dev_fraction, training.seed), request, log, in_turn)


def build_dataset(
    data: NluData, train: list[Example], dev: list[Example], request: Request, log: Log, in_turn: bool = False
) -> Dataset:
    """These to learn from and those held out, with the dictionaries of `data`; raises as `read_dataset`.

    Where too few are held out to be worth it, they are learned from too, once they have calibrated. `in_turn`: then all
    examples calibrate, each by members that leave it out; not where members share what learns, such as an encoder.
    """
    config = request.config
    usable, dev = _usable(train, config.model), _usable(dev, config.model)
    if len(usable) < len(train):
        log(f"note: {len(train) - len(usable)} examples without any text are left out.")
    _refuse_missing_out_of_scope(usable, config.model)
    if config.model.multi_label:
        check_repeated_intents([*usable, *dev])
    if not any(example.intent is not None or example.entities for example in usable):
        raise DataError(f"{', '.join(map(str, request.data))}: {_nothing(config.model)}; annotate some first.")
    every, members, held_out_by = [*usable, *dev], config.model.members, list[int]()
    if _few(dev, config, bool(request.dev), in_turn):
        by_some = [0] * len(usable) + [all_members(members)] * len(dev)
        held_out_by = hold_out_by_member(every, members, config.training.seed) if in_turn else by_some
    if any(held_out_by):
        return Dataset(data, every, [], held_out_by)
    if not dev:
        refuse_without_effect(config, {"dev_choice": _("has no effect with no dev examples")})
        log("note: no dev examples (too few, or training.dev_fraction is 0): the last epoch is kept, uncalibrated.")
    return Dataset(data, usable, dev)


def collect_labels(found: Dataset, config: Config) -> Labels:
    """What a model of these examples can say."""
    return Labels.collect(found.train, config.model.multi_label)


def dictionary_notes(data: NluData, lexicon: Lexicon, config: Config) -> list[str]:
    """How many lookup entries and regexes are in use and in what part, and one line for each that is not."""
    lines = []
    if data.lookups or data.regexes:
        part = {"hint": "as hints to the model", "extractor": "as hints and as extractors", "off": "switched off"}
        lines.append(
            f"dictionaries: {lexicon.loaded} lookup entries and regexes loaded, {len(lexicon.rejected)} rejected, "
            f"used {part[config.features.lexicon]}"
        )
    return lines + [f"note: {line}" for line in [*lexicon.rejected, *lexicon.notes]]


def counted(examples: Iterable[Example], multi_intent: bool = False) -> dict[str, dict[str, int]]:
    """How many examples each intent has, how many annotations each entity type: {"intents", "entities"}, sorted.

    With `multi_intent` an example of a+b is one of a and one of b.
    """
    intents: Counter[str] = Counter()
    entities: Counter[str] = Counter()
    for example in examples:
        if example.intent is not None:
            intents.update(split_intent(example.intent) if multi_intent else [example.intent])
        entities.update(entity.entity for entity in example.entities)
    return {"intents": dict(sorted(intents.items())), "entities": dict(sorted(entities.items()))}


def _usable(examples: Sequence[Example], model: ModelConfig) -> list[Example]:
    """Examples with text, without annotations whose loss is switched off: nothing untrained may answer later."""
    usable = [example for example in examples if len(view(example.text))]
    if not model.intent_weight:
        usable = [replace(example, intent=None) for example in usable]
    if not model.entity_weight:
        usable = [replace(example, entities=()) for example in usable]
    return usable


def _few(dev: list[Example], config: Config, given: bool, in_turn: bool) -> bool:
    """Whether all examples are learned from in the end; `given` dev examples are the user's to measure by.

    Raises UsageError for a training.refit that the user set and that has no effect.
    """
    refit, problem = config.training.refit, _no_refit(dev, config.training, given, in_turn)
    if problem and refit:
        refuse_without_effect(config, {"refit": problem})
    return not problem and refit > 0


def _no_refit(dev: list[Example], training: TrainingConfig, given: bool, in_turn: bool) -> str:
    """Why training.refit has no effect; empty where it has one."""
    if given:
        return _("has no effect with --dev")
    if len(dev) >= training.min_dev:
        return n_(
            "has no effect with {count} dev example, no fewer than training.min_dev ({least})",
            "has no effect with {count} dev examples, no fewer than training.min_dev ({least})",
            len(dev),
            least=training.min_dev,
        )
    return "" if dev or (in_turn and training.dev_fraction) else _("has no effect with no dev examples")


def _refuse_missing_out_of_scope(examples: list[Example], model: ModelConfig) -> None:
    name = model.out_of_scope
    if name != ModelConfig().out_of_scope and all(example.intent != name for example in examples):
        raise UsageError(f"model.out_of_scope: no example has the intent {name}; name one, or leave the setting out.")


def _nothing(model: ModelConfig) -> str:
    if model.intent_weight and model.entity_weight:
        return "no example has an intent or an entity"
    name = "entity" if model.intent_weight else "intent"
    return f"nothing is left to learn, for model.{name}_weight is 0"
