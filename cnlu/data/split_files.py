"""Splits examples into train, dev and test, as files that `cnlu train` reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cnlu.data.jsonl import to_jsonl
from cnlu.data.schema import Example, NluData
from cnlu.data.split import stratified_split
from cnlu.data.yaml_writer import annotated_synonyms, to_yaml
from cnlu.errors import DataError, UsageError
from cnlu.i18n import _
from cnlu.io.atomic_directory import resolve
from cnlu.io.messages import shown

Parts = dict[str, list[Example]]

_DICTIONARIES = "train-dictionaries.yml"
_FILES = {_DICTIONARIES, *(f"{part}.{kind}" for part in ("train", "dev", "test") for kind in ("yml", "jsonl"))}
_MAX_NAMED = 20


def split_examples(examples: list[Example], dev: float, test: float, seed: int) -> Parts:
    """The examples by part: `train`, and `dev` and `test` unless their share is 0.

    Both are drawn by `stratified_split`, so no text is in two parts and train has every intent. Raises DataError if
    there are too few examples for a part.
    """
    rest, test_examples = stratified_split(examples, test, seed)
    train_examples, dev_examples = stratified_split(rest, dev / (1 - test), seed)
    parts = {"train": train_examples, "dev": dev_examples, "test": test_examples}
    for name, share in (("dev", dev), ("test", test)):
        if share == 0:
            del parts[name]
        elif not parts[name]:
            option = f"--{name}"
            problem = _(
                "{count} examples are too few for a {part} part of {share:g}",
                count=len(examples),
                part=name,
                share=share,
            )
            fix = _("give more examples, a larger {option}, or leave the part out with {option} 0", option=option)
            raise DataError(option, problem, fix)
    return parts


def render(data: NluData, parts: Parts) -> tuple[dict[str, bytes], list[str]]:
    """The files of a split by name, and one sentence for each part that YAML cannot express.

    Dictionaries (synonyms, regexes, lookup tables) stay with train. Examples that all come from JSONL are written as
    JSONL.
    """
    dictionaries = replace(data, examples=[])
    has_dictionaries = bool(data.regexes or data.lookups or _has_unannotated_synonyms(data))
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
            refusals.append(
                _("{jsonl} instead of {yaml}: {reason}", jsonl=f"{name}.jsonl", yaml=f"{name}.yml", reason=error)
            )
        files[f"{name}.jsonl"] = to_jsonl(examples)
        if name == "train" and (has_dictionaries or (yaml and data.synonyms_of)):
            files[_DICTIONARIES] = to_yaml(dictionaries).encode()
    return files, refusals


def check_no_overlap(out: Path, data: list[str]) -> None:
    """Raise UsageError if the output would replace an input, or would be read as an input the next time."""
    target = resolve(out)
    for path in data:
        source = resolve(path)
        if source == target or target in source.parents or (source.is_dir() and source in target.parents):
            problem = _("--out and {path} overlap, and the parts would mix with their source", path=path)
            raise UsageError(out, problem, _("choose an --out beside it"))


def is_split(folder: Path) -> bool:
    """Whether a folder holds the files of a split and nothing else."""
    names = {path.name for path in folder.iterdir()}
    return names <= _FILES and bool(names & {"train.yml", "train.jsonl"})


def _has_unannotated_synonyms(data: NluData) -> bool:
    """Whether some synonym comes from a synonym section rather than from an annotation."""
    typed = {
        (kind, surface): value for kind, synonyms in data.synonyms_of.items() for surface, value in synonyms.items()
    }
    return bool(data.synonyms) or not typed.items() <= annotated_synonyms(data.examples).items()


def _file(example: Example) -> str:
    return example.source.rpartition(":")[0]


def describe_small_intents(parts: Parts) -> list[str]:
    """A sentence that names the intents that are missing from a part; empty if there are none."""
    seen = {name: Counter(example.intent for example in part) for name, part in parts.items()}
    small = []
    for intent in dict.fromkeys(example.intent for part in parts.values() for example in part):
        missing = [name for name, count in seen.items() if not count[intent]]
        if missing and intent is not None:
            total = sum(count[intent] for count in seen.values())
            names = ", ".join(missing)
            small.append(_("{intent} ({total}, none in {parts})", intent=shown(intent), total=total, parts=names))
    if not small:
        return []
    listed, more = ", ".join(small[:_MAX_NAMED]), len(small) - _MAX_NAMED
    if more > 0:
        listed = _("{listed}, and {count} more", listed=listed, count=more)
    return [_("intents with too few examples to be in every part: {intents}.", intents=listed)]


def describe_files(out: Path, parts: Parts, files: Mapping[str, bytes]) -> list[str]:
    """One line for each file, with its numbers of examples and intents."""
    lines = []
    for name, examples in parts.items():
        intents = len({example.intent for example in examples if example.intent is not None})
        path = out / next(file for file in files if file.partition(".")[0] == name)
        message = _(
            "{path}: {examples} examples, {intents} intents", path=path, examples=len(examples), intents=intents
        )
        lines.append(message)
    if _DICTIONARIES in files:
        path = out / _DICTIONARIES
        lines.append(_("{path}: synonyms, regexes and lookup tables, to train with train.jsonl", path=path))
    return lines
