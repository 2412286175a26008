"""The values of a model's entities, by the synonyms in its directory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import cnlu
from cnlu.runtime.interpreter import Interpreter
from cnlu.runtime.model_dir import read_model_dir, write_model_dir


def with_lexicon(model: Path, out: Path, **changed: Any) -> Interpreter:
    """The model with other synonyms in its lexicon.json."""
    read = read_model_dir(model)
    lexicon = {key: value for key, value in json.loads(read.files["lexicon.json"]).items() if "synonyms" not in key}
    files = read.files | {"lexicon.json": json.dumps(lexicon | changed).encode()}
    write_model_dir(out, files, {"segmenter": read.manifest["segmenter"]})
    return cnlu.load(out)


def values(model: Interpreter, text: str = "帮我买一张明天去上海的票") -> dict[str, str]:
    return {entity["entity"]: entity["value"] for entity in model.parse(text)["entities"]}


@pytest.fixture(scope="module")
def found(tiny_model: Path) -> dict[str, str]:
    """What the model finds: type -> surface."""
    lexicon = json.loads(read_model_dir(tiny_model).files["lexicon.json"])
    assert lexicon["synonyms_of"] is not None and lexicon["synonyms"]
    return {e["entity"]: e["value"] for e in cnlu.load(tiny_model).parse("帮我买一张明天去上海的票")["entities"]}


def test_a_synonym_of_one_type_changes_no_other_type(tiny_model: Path, found: dict[str, str], tmp_path: Path) -> None:
    kind, surface = next((kind, value) for kind, value in found.items() if value == "上海")
    own = with_lexicon(tiny_model, tmp_path / "own", synonyms={}, synonyms_of={kind: {"上海": "沪"}})
    assert values(own) == found | {kind: "沪"}
    other = with_lexicon(tiny_model, tmp_path / "other", synonyms={}, synonyms_of={"another": {surface: "沪"}})
    assert values(other) == found


def test_the_lexicon_of_an_older_model_counts_for_all_types(
    tiny_model: Path, found: dict[str, str], tmp_path: Path
) -> None:
    old = with_lexicon(tiny_model, tmp_path / "old", synonyms={surface: f"<{surface}>" for surface in found.values()})
    assert values(old) == {kind: f"<{surface}>" for kind, surface in found.items()}
