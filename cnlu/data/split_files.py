"""Examples divided into train, dev and test, as files that `cnlu train` reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cnlu.data.jsonl import to_jsonl
from cnlu.data.schema import Example, NluData
from cnlu.data.split import stratified_split
from cnlu.data.yaml_writer import said_synonyms, to_yaml
from cnlu.errors import DataError, UsageError
from cnlu.io.atomic_directory import resolve
from cnlu.io.messages import shown

Parts = dict[str, list[Example]]

_DICTIONARIES = "train-dictionaries.yml"
_OURS = {_DICTIONARIES, *(f"{part}.{kind}" for part in ("train", "dev", "test") for kind in ("yml", "jsonl"))}
_MOST_NAMED = 20


def split_examples(examples: list[Example], dev: float, test: float, seed: int) -> Parts:
    """The examples by part, `train` always, `dev` and `test` where their share is not 0.

    Both are drawn by `stratified_split`, so no text stands in two parts and train has every intent. Raises DataError
    when there are too few examples for a part that was asked for.
    """
    rest, held = stratified_split(examples, test, seed)
    train, chosen = stratified_split(rest, dev / (1 - test), seed)
    parts = {"train": train, "dev": chosen, "test": held}
    for name, share in (("dev", dev), ("test", test)):
        if share == 0:
            del parts[name]
        elif not parts[name]:
            raise DataError(
                f"{len(examples)} examples are too few for a {name} part of {share:g}; give more examples, "
                f"a larger --{name}, or leave it out with --{name} 0."
            )
    return parts


def render(data: NluData, parts: Parts) -> tuple[dict[str, bytes], list[str]]:
    """The files of a split by name, and one sentence for each part that YAML could not say.

    Dictionaries (synonyms, regexes, lookup tables) stay with train. Examples that all came from JSONL go to JSONL.
    """
    dictionaries = replace(data, examples=[])
    has_dictionaries = bool(data.regexes or data.lookups or _unannotated(data))
    yaml = has_dictionaries or any(_file(example).lower().endswith((".yml", ".yaml")) for example in data.examples)
    files: dict[str, bytes] = {}
    refusals: list[str] = []
    for name, examples in parts.items():
        content = replace(data, examples=examples) if name == "train" else NluData(examples)
        try:
            if yaml:
                files[f"{name}.yml"] = to_yaml(content).encode()
                continue
        except DataError as error:
            refusals.append(f"{name}.jsonl instead of {name}.yml: {error}")
        files[f"{name}.jsonl"] = to_jsonl(examples)
        if name == "train" and (has_dictionaries or (yaml and data.synonyms_of)):
            files[_DICTIONARIES] = to_yaml(dictionaries).encode()
    return files, refusals


def check_apart(out: Path, data: list[str]) -> None:
    """Raises UsageError where what is read would be replaced, or what is written be read the next time."""
    target = resolve(out)
    for path in data:
        source = resolve(path)
        if source == target or target in source.parents or (source.is_dir() and source in target.parents):
            raise UsageError(
                f"{out}: --out and {path} lie in each other, and the parts would mix with what they were "
                "made from; choose an --out beside it."
            )


def is_split(folder: Path) -> bool:
    """Whether a folder holds the files of a split and nothing else."""
    names = {path.name for path in folder.iterdir()}
    return names <= _OURS and bool(names & {"train.yml", "train.jsonl"})


def _unannotated(data: NluData) -> bool:
    """Whether some synonym is in no example's annotation, so that a file of synonyms said it."""
    bound = {
        (kind, surface): value for kind, synonyms in data.synonyms_of.items() for surface, value in synonyms.items()
    }
    return bool(data.synonyms) or not bound.items() <= said_synonyms(data.examples).items()


def _file(example: Example) -> str:
    return example.source.rpartition(":")[0]


def too_small(parts: Parts) -> list[str]:
    """A sentence that names the intents which are not in every part; none where all are."""
    seen = {name: Counter(example.intent for example in part) for name, part in parts.items()}
    small = []
    for intent in dict.fromkeys(example.intent for part in parts.values() for example in part):
        missing = [name for name, count in seen.items() if not count[intent]]
        if missing and intent is not None:
            total = sum(count[intent] for count in seen.values())
            small.append(f"{shown(intent)} ({total}, none in {' and '.join(missing)})")
    if not small:
        return []
    more = f", and {len(small) - _MOST_NAMED} more" if len(small) > _MOST_NAMED else ""
    return [f"intents with too few examples to be in every part: {', '.join(small[:_MOST_NAMED])}{more}."]


def counts(out: Path, parts: Parts, files: Mapping[str, bytes]) -> list[str]:
    """A line for each file: how much is in it."""
    lines = []
    for name, examples in parts.items():
        intents = len({example.intent for example in examples if example.intent is not None})
        path = out / next(file for file in files if file.partition(".")[0] == name)
        lines.append(f"{path}: {len(examples)} examples, {intents} intents")
    if _DICTIONARIES in files:
        lines.append(f"{out / _DICTIONARIES}: synonyms, regexes and lookup tables, to train with train.jsonl")
    return lines
