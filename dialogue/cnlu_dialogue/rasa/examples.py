"""Converts Rasa's training data to files that cnlu reads: examples as JSON Lines, dictionaries as YAML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cnlu.data.jsonl import write_jsonl
from cnlu.data.schema import Entity, Example, NluData
from cnlu.data.yaml_writer import write_yaml
from cnlu.errors import DataError
from cnlu.io.text_files import read_text
from cnlu_dialogue.rasa.options import COMPONENT, Settings


def collect(training_data: Any, settings: Settings) -> NluData:
    """The NLU examples and dictionaries of a Rasa `TrainingData`.

    A retrieval intent `faq/ask_name` is learned as `faq`, as in Rasa's own classifiers; ResponseSelector does the rest.
    Intents or entities that the settings switch off are left out. Raises DataError if a lookup file cannot be read.
    """
    data = NluData(synonyms={str(s): str(v) for s, v in (training_data.entity_synonyms or {}).items()})
    for message in training_data.nlu_examples:
        text = message.get("text") or ""
        if not text.strip():
            continue
        spans = _entities(text, message.get("entities") or [], data.synonyms) if settings.entity_recognition else []
        intent = message.get("intent") if settings.intent_classification else None
        data.examples.append(Example(text, intent or None, tuple(spans)))
    for regex in training_data.regex_features or []:
        data.regexes.setdefault(str(regex["name"]), []).append(str(regex["pattern"]))
    for table in training_data.lookup_tables or []:
        entries = data.lookups.setdefault(str(table["name"]), [])
        entries += [entry for entry in dict.fromkeys(_elements(table)) if entry not in set(entries)]
    return data


def write_files(data: NluData, folder: Path) -> list[Path]:
    """Writes `data` to files in a folder; raises DataError for a dictionary entry that YAML cannot express."""
    files = [folder / "examples.jsonl"]
    write_jsonl(data.examples, files[0])
    if data.synonyms or data.regexes or data.lookups:
        files.append(folder / "dictionaries.yml")
        write_yaml(NluData([], data.synonyms, data.regexes, data.lookups), files[1])
    return files


def _entities(text: str, annotated: Iterable[Mapping[str, Any]], synonyms: dict[str, str]) -> list[Entity]:
    """The annotations of one text; a value becomes the synonym of its surface, and later values win.

    Rasa has replaced the surface by the value, so the surface is taken from the text.
    """
    entities = []
    for entity in annotated:
        if entity.get("extractor") not in (None, COMPONENT):
            continue  # Rasa marks entities of another extractor in this way
        start, end = int(entity["start"]), int(entity["end"])
        surface = text[start:end]
        if not surface.strip():
            continue
        value = str(entity["value"]) if entity.get("value") is not None else surface
        if value != surface and value.strip():
            synonyms[surface] = value
        entities.append(
            Entity(
                start=start,
                end=end,
                entity=str(entity["entity"]),
                value=surface,
                role=_name(entity, "role"),
                group=_name(entity, "group"),
            )
        )
    return sorted(entities, key=lambda entity: entity.start)


def _name(entity: Mapping[str, Any], key: str) -> str | None:
    """A role or group; Rasa reads numeric names as numbers."""
    value = entity.get(key)
    return None if value is None or value == "" else str(value)


def _elements(table: Mapping[str, Any]) -> list[str]:
    """A lookup table's entries, which Rasa provides as a list, as the lines of a file, or as a file name."""
    elements = table["elements"]
    if isinstance(elements, list) and not (len(elements) == 1 and Path(str(elements[0])).is_file()):
        return [str(element).strip() for element in elements if str(element).strip()]
    content = elements if isinstance(elements, str) else str(elements[0])
    if "\n" not in content:
        try:
            content = read_text(Path(content))
        except DataError as error:
            raise DataError(f"lookup {table['name']}: {error.place}", error.problem, error.fix) from error
    return [line.strip() for line in content.splitlines() if line.strip()]
