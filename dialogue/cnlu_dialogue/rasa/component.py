"""The graph component, in Rasa's own types; the modules beside it do the work."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import shutil
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.exceptions import InvalidConfigException, RasaException
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

import cnlu
from cnlu.errors import CnluError
from cnlu.io.temporary import scratch_folder
from cnlu.runtime.interpreter import Interpreter
from cnlu_dialogue.rasa import examples, message, trainer
from cnlu_dialogue.rasa.fingerprint import fingerprint
from cnlu_dialogue.rasa.options import COMPONENT, Settings, read_settings

logger = logging.getLogger("rasa.cnlu")  # a child of Rasa's logger: Rasa's log level applies

MODEL = "model"
"""The model directory's name inside the component's resource."""


@DefaultV1Recipe.register(
    [DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR],
    is_trainable=True,
)
class CnluClassifier(GraphComponent, IntentClassifier, EntityExtractorMixin):
    """An intent classifier and entity extractor: a cnlu model on ONNX Runtime."""

    def __init__(
        self, settings: Settings, storage: ModelStorage, resource: Resource, interpreter: Interpreter | None = None
    ) -> None:
        self._settings = settings
        self._storage = storage
        self._resource = resource
        self._interpreter = interpreter
        self._finetunes = False

    @staticmethod
    def required_packages() -> list[str]:
        return ["cnlu", "onnxruntime"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return dataclasses.asdict(Settings())

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """What the model depends on besides config.yml and the examples.

        Rasa calls this before it trains any component, so this method refuses wrong settings.
        """
        try:
            with _as_config_error():
                settings = read_settings(config)
                trainer.check_training_setup(settings)
                return fingerprint(settings)
        except InvalidConfigException:
            # With --force Rasa calls this right before `create` and would hide the message; `create` raises it then.
            if any(frame.name == "on_before_node" for frame in traceback.extract_stack()):
                return uuid.uuid4().hex
            raise

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> CnluClassifier:
        with _as_config_error():
            settings = read_settings(config)
            trainer.check_training_setup(settings)
        return cls(settings, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> CnluClassifier:
        if execution_context.is_finetuning:
            component = cls.create(config, model_storage, resource, execution_context)
            component._finetunes = True
            return component
        with _as_config_error():
            settings = read_settings(config)
        try:
            with model_storage.read_from(resource) as folder, _as_rasa_error():
                interpreter = cnlu.load(folder / MODEL, settings.threads)
        except ValueError:  # Rasa raises it for a resource that was never written
            logger.warning(f"{COMPONENT} was not trained because there were no examples; it will find nothing.")
            return cls(settings, model_storage, resource)
        return cls(settings, model_storage, resource, interpreter)

    def train(self, training_data: TrainingData) -> Resource:
        with _as_rasa_error(), scratch_folder() as folder:
            data = examples.collect(training_data, self._settings)
            if not data.examples and self._settings.model is None:
                logger.warning(f"{COMPONENT} has no examples to learn from and is not trained.")
                return self._resource
            out = folder / MODEL
            files = [] if self._settings.model is not None else examples.write_files(data, folder)
            origin = self._origin(folder) if self._finetunes else None
            trainer.make_model(files, out, self._settings, lambda line: _log_progress(line, folder), origin)
            self._warn_of_unknown_intents({example.intent for example in data.examples}, cnlu.load(out))
            with self._storage.write_to(self._resource) as target:
                shutil.rmtree(target / MODEL, ignore_errors=True)  # it exists when Rasa finetunes
                trainer.copy_model(out, target / MODEL)
        return self._resource

    def _origin(self, folder: Path) -> Path | None:
        """A copy of the model to continue from; None if the component was not trained before."""
        with contextlib.suppress(ValueError), self._storage.read_from(self._resource) as source:
            trainer.copy_model(source / MODEL, folder / "origin")
            return folder / "origin"
        return None

    def process(self, messages: list[Message]) -> list[Message]:
        results = self._parse([rasa_message.get("text") or "" for rasa_message in messages])
        for rasa_message, result in zip(messages, results, strict=True):
            if self._settings.intent_classification:
                ranking = message.intent_ranking(result, self._settings.ranking_length)
                intent = dict(ranking[0] if ranking else message.NO_INTENT)
                rasa_message.set("intent", intent, add_to_output=True)
                rasa_message.set("intent_ranking", ranking, add_to_output=True)
            if self._settings.entity_recognition:
                entities = [*rasa_message.get("entities", []), *message.entities(result)]
                rasa_message.set("entities", entities, add_to_output=True)
        return messages

    def _parse(self, texts: list[str]) -> list[dict[str, Any]]:
        if self._interpreter is None:
            return [{"intent_ranking": [], "entities": []} for _ in texts]
        return self._interpreter.parse_batch(texts)

    def _warn_of_unknown_intents(self, intents: set[str | None], model: Interpreter) -> None:
        """Warns if a model that was trained elsewhere lacks intents of the bot."""
        if self._settings.model is None or not self._settings.intent_classification:
            return
        model_intents = {message.base_intent(name) for name in model.labels.intents}
        if unknown := sorted(name for name in intents if name is not None and name not in model_intents):
            logger.warning(
                f"{COMPONENT}: the model {self._settings.model} does not know the intents "
                f"{', '.join(unknown)}; it will never find them."
            )


def _log_progress(line: str, folder: Path) -> None:
    """Logs a line of the training; paths in the temporary folder are shown without the folder."""
    logger.info(f"{COMPONENT}: {line.replace(f'{folder}/', '')}")


@contextlib.contextmanager
def _raised_as(kind: type[RasaException], where: str = "") -> Iterator[None]:
    """Raises cnlu's errors as an exception of Rasa, which prints it without a traceback."""
    try:
        yield
    except CnluError as error:
        raise kind(f"{COMPONENT}{where}: {error}") from error


def _as_config_error() -> contextlib.AbstractContextManager[None]:
    return _raised_as(InvalidConfigException, " in config.yml")


def _as_rasa_error() -> contextlib.AbstractContextManager[None]:
    return _raised_as(RasaException)
