"""The starter project: no findings, complete, and its README is correct."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from pathlib import Path

import pytest

import cnlu
from cnlu.cli import _parser, main
from cnlu.config.files import load_config
from cnlu.data.load import load_data
from cnlu.evaluation.metrics import evaluate
from cnlu.runtime.labels import Labels
from cnlu.starter.create import PROJECT, project_files

README = (PROJECT / "README.md").read_text("utf-8")


def commands() -> list[list[str]]:
    """The arguments of every cnlu command in the README."""
    blocks = re.findall(r"^```bash\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [words[1:] for words in lines if words and words[0] == "cnlu"]


def known_verbs() -> set[str]:
    (action,) = _parser()._subparsers._group_actions  # type: ignore[union-attr]
    return set(action.choices or ())


def test_the_examples_are_read_without_a_note() -> None:
    data = load_data(PROJECT / "data")
    assert data.notes == []
    counts = Counter(example.intent for example in data.examples)
    assert len(counts) >= 8 and min(counts.values()) >= 12
    assert data.lookups["drink"] and data.regexes["order_no"] and data.synonyms["黑咖啡"] == "美式"
    assert {span.role for example in data.examples for span in example.entities} == {None, "old", "new"}


def test_no_text_is_repeated_and_the_test_covers_the_labels_of_training() -> None:
    train, test = load_data(PROJECT / "data").examples, load_data(PROJECT / "test.yml").examples
    assert max(Counter(example.text for example in train + test).values()) == 1
    known, asked = Labels.collect(train), Labels.collect(test)
    assert asked.intents == known.intents
    assert set(asked.entities) <= set(known.entities)
    assert all(set(roles) <= set(known.roles[kind]) for kind, roles in asked.roles.items())


def test_what_is_annotated_once_is_annotated_everywhere() -> None:
    """A drink of the lookup table is an entity wherever a sentence names it."""
    data = load_data(PROJECT / "data")
    drinks = sorted(data.lookups["drink"], key=len, reverse=True)
    for example in data.examples + load_data(PROJECT / "test.yml").examples:
        rest = example.text
        for span in reversed(example.entities):
            rest = rest[: span.start] + " " * (span.end - span.start) + rest[span.end :]
        assert not [drink for drink in drinks if drink in rest], example.text


def test_the_settings_written_out_are_the_defaults() -> None:
    assert load_config(PROJECT / "config.yaml") == load_config(None)


def test_the_settings_worth_trying_exist(tmp_path: Path) -> None:
    text = (PROJECT / "config.yaml").read_text("utf-8")
    offered = text.partition("Worth trying")[2].partition("\n")[2]
    tried = tmp_path / "tried.yaml"
    tried.write_text("".join(f"{line[2:]}\n" for line in offered.splitlines()[1:]), "utf-8")
    config = load_config(tried)
    assert (config.features.pinyin, config.text.simplify, config.model.value_dropout) == ("fuzzy", True, 0.3)


def test_the_readme_names_every_file() -> None:
    assert not [name for name in project_files() if name != "README.md" and f"`{name}`" not in README]


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_the_command_line_takes_every_command_of_the_readme(arguments: list[str]) -> None:
    if arguments[0] not in known_verbs():
        pytest.skip(f"cnlu {arguments[0]} is not there yet")
    assert _parser().parse_args(arguments)


@pytest.mark.slow
def test_a_model_trained_by_the_readme_answers_as_the_readme_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute or two: the one training with nothing cut short."""
    pytest.importorskip("torch", reason="training needs the extra cnlu[train]")
    assert main(["init", str(tmp_path / "bot")]) == 0
    monkeypatch.chdir(tmp_path / "bot")
    train = next(arguments for arguments in commands() if arguments[0] == "train")
    assert main([*train, "--device", "cpu"]) == 0
    model = cnlu.load("model")
    rows = re.findall(r"^\| (\S+) \| `(\w+)` \| (.*) ?\|$", README, re.MULTILINE)
    assert len(rows) == 4
    for text, intent, entities in rows:
        found = model.parse(text)
        assert found["intent"]["name"] == intent, text
        shown = re.findall(r"(\S+?) `(\w+)`(?:（`(\w+)`)?", entities.replace("，", " "))
        got = [(text[e["start"] : e["end"]], e["entity"], e.get("role", "")) for e in found["entities"]]
        assert got == shown, text
    test = load_data("test.yml").examples
    figures = evaluate(test, model.parse_batch([example.text for example in test]), model.labels)
    assert figures["frame_accuracy"] > 0.8
