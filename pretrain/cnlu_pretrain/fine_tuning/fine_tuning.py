"""Fine-tunes encoders as `cnlu train` does and evaluates the models, in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnlu.config.files import load_config
from cnlu.data.load import load_data
from cnlu.data.schema import Example
from cnlu.data.split import stratified_folds
from cnlu.evaluation.frames import frame_correctness
from cnlu.io.temporary import scratch_folder
from cnlu.progress import no_log
from cnlu.runtime.interpreter import Interpreter
from cnlu.training.data.dataset import Dataset, split_dataset
from cnlu.training.inputs import prepare
from cnlu.training.request import Request
from cnlu.training.train import train_on
from cnlu_pretrain.evaluation.nlu_probe import Examples
from cnlu_pretrain.fine_tuning.gain import Gain, gain_of

ROUNDS = 3
"""Models of each encoder"""

Log = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """How encoders are compared.

    With test examples, each round trains on all examples with another seed. Without, the rounds are those of a
    cross-validation, at least two.
    """

    examples: Examples
    rounds: int = ROUNDS
    overrides: Sequence[str] = ()
    """Settings of `cnlu train` that differ from the defaults, as section.key=value"""
    device: str | None = None
    quiet: bool = False
    """No progress bars"""

    @property
    def number_of_rounds(self) -> int:
        return self.rounds if self.examples.test else max(2, self.rounds)

    def check(self) -> None:
        """Raises CnluError for unreadable or too few examples and for wrong settings, before anything slow starts."""
        self.examples.check()
        config = load_config(None, list(self.overrides), encoder=True)
        if not self.examples.test:
            data = load_data(list(self.examples.data), settings=config.data)
            stratified_folds(data.examples, self.number_of_rounds, 1)


@dataclass(frozen=True)
class Round:
    """The answers of one model: the indices of its test sentences, and whether each frame is right."""

    numbers: list[int]
    right: list[bool]


def fine_tune(encoder: Path, options: FineTuning, number: int, log: Log = no_log) -> Round:
    """Train a model on the encoder in round `number`, counted from 1, and evaluate it; raises CnluError as training."""
    config = load_config(None, list(options.overrides), seed=number, encoder=True)
    with scratch_folder() as folder:
        request = Request(
            options.examples.data,
            folder / "model",
            config,
            encoder=str(encoder),
            device=options.device,
            quiet=options.quiet,
            store_weights=False,
            store_examples=False,
        )
        device = prepare(request)
        dataset, numbers, test = _split(request, options, number)
        train_on(dataset, request, device, log)
        results = Interpreter.load(folder / "model").parse_batch([example.text for example in test])
    return Round(numbers, frame_correctness(test, results).tolist())


def _split(request: Request, options: FineTuning, number: int) -> tuple[Dataset, list[int], list[Example]]:
    """(The dataset of a round, the indices of its test sentences, these sentences)."""
    data = load_data(list(options.examples.data), settings=request.config.data)
    if options.examples.test:
        test = load_data(list(options.examples.test), settings=request.config.data).examples
        return split_dataset(data, data.examples, request, no_log), list(range(len(test))), test
    folds = stratified_folds(data.examples, options.number_of_rounds, 1)
    numbers = [i for i, fold in enumerate(folds) if fold == number - 1]
    train = [example for example, fold in zip(data.examples, folds, strict=True) if fold != number - 1]
    return split_dataset(data, train, request, no_log), numbers, [data.examples[i] for i in numbers]


def gain(before: Sequence[Round], after: Sequence[Round], options: FineTuning) -> Gain:
    """The gain of the second encoder's rounds over the first one's."""
    return gain_of(_matrix(before, options), _matrix(after, options), len(before))


def accuracy(rounds: Sequence[Round]) -> float:
    """Frame accuracy over all rounds."""
    right = [is_right for each in rounds for is_right in each.right]
    return sum(right) / max(1, len(right))


def _matrix(rounds: Sequence[Round], options: FineTuning) -> NDArray[Any]:
    """[R, N] whether each frame is right; the folds of a cross-validation are one row."""
    if options.examples.test:
        return np.array([each.right for each in rounds], bool)
    pairs = sorted(pair for each in rounds for pair in zip(each.numbers, each.right, strict=True))
    return np.array([[is_right for _number, is_right in pairs]], bool)
