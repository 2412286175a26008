"""Splitting one set of examples into train, dev and test."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.data.load import load_data
from cnlu.data.schema import Entity, Example, NluData
from cnlu.data.split_files import describe_small_intents, render, split_examples
from cnlu.errors import DataError


def examples(source: str = "nlu.yml:1", **counts: int) -> list[Example]:
    return [Example(f"{name}{i}", name, source=source) for name, count in counts.items() for i in range(count)]


def read(files: dict[str, bytes], folder: Path) -> dict[str, NluData]:
    """The data of each part's files, read as `cnlu train` reads them."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    names = {
        part: [folder / name for name in files if name.split(".")[0].split("-")[0] == part]
        for part in ("train", "dev", "test")
    }
    return {part: load_data(paths) for part, paths in names.items() if paths}


def keys(examples: list[Example]) -> Counter[Any]:
    return Counter((e.text, e.intent, e.entities, repr(e.metadata)) for e in examples)


def test_every_part_has_its_share_of_every_intent() -> None:
    parts = split_examples(examples(a=100, b=50, c=10), 0.1, 0.2, seed=1)
    counted = {name: Counter(e.intent for e in part) for name, part in parts.items()}
    assert counted == {
        "train": {"a": 70, "b": 35, "c": 7},
        "dev": {"a": 10, "b": 5, "c": 1},
        "test": {"a": 20, "b": 10, "c": 2},
    }


def test_a_share_of_0_leaves_the_part_out() -> None:
    data = examples(a=20)
    assert list(split_examples(data, 0, 0.1, 1)) == ["train", "test"]
    assert list(split_examples(data, 0.1, 0, 1)) == ["train", "dev"]
    assert split_examples(data, 0, 0, 1) == {"train": data}


def test_the_same_seed_gives_the_same_parts_and_another_seed_others() -> None:
    data = examples(a=40, b=40)
    assert split_examples(data, 0.2, 0.2, 5) == split_examples(data, 0.2, 0.2, 5) != split_examples(data, 0.2, 0.2, 6)


def test_the_error_about_too_few_examples_for_a_part_names_the_fix() -> None:
    with pytest.raises(DataError, match=r"3 examples are too few for a dev part of 0\.1.*--dev 0"):
        split_examples(examples(a=3), 0.1, 0, 1)


@given(
    st.lists(st.builds(Example, st.sampled_from("一二三四五六七八"), st.sampled_from(["a", "b", None])), min_size=1),
    st.floats(0, 0.5, exclude_max=True),
    st.floats(0, 0.5),
    st.integers(0),
)
def test_no_text_is_in_two_parts_and_no_example_is_lost(
    data: list[Example], dev: float, test: float, seed: int
) -> None:
    try:
        parts = split_examples(data, dev, test, seed)
    except DataError:
        return
    assert Counter(id(e) for part in parts.values() for e in part) == Counter(map(id, data))
    places = Counter(text for part in parts.values() for text in {e.text for e in part})
    assert set(places.values()) == {1}
    assert {e.intent for e in parts["train"]} == {e.intent for e in data}


def test_yaml_examples_are_written_as_yaml_with_the_dictionaries_in_train(tmp_path: Path) -> None:
    data = NluData(
        [
            *examples(a=20, b=20),
            *(Example(f"去魔都{i}", "go", (Entity(1, 3, "city", "上海"),), source="x.yaml:2") for i in range(20)),
        ],
        {"帝都": "北京"},
        {"no": [r"\d+"]},
        {"city": ["上海", "北京"]},
        synonyms_of={"city": {"魔都": "上海", "沪": "上海"}},
    )
    files, refusals = render(data, split_examples(data.examples, 0.1, 0.1, 1))
    assert (sorted(files), refusals) == (["dev.yml", "test.yml", "train.yml"], [])
    parts = read(files, tmp_path)
    assert sum((keys(part.examples) for part in parts.values()), Counter[Any]()) == keys(data.examples)
    train = parts["train"]
    assert (train.synonyms, train.regexes, train.lookups) == (data.synonyms, data.regexes, data.lookups)
    assert train.synonyms_of == data.synonyms_of
    assert not parts["test"].lookups and not parts["dev"].regexes


def test_jsonl_examples_are_written_as_jsonl(tmp_path: Path) -> None:
    data = NluData(examples("x.jsonl:3", a=30))
    files, refusals = render(data, split_examples(data.examples, 0.1, 0.1, 1))
    assert (sorted(files), refusals) == (["dev.jsonl", "test.jsonl", "train.jsonl"], [])
    assert sum((keys(part.examples) for part in read(files, tmp_path).values()), Counter[Any]()) == keys(data.examples)


def test_a_part_that_yaml_cannot_express_is_written_as_jsonl_with_the_dictionaries(tmp_path: Path) -> None:
    odd = Example("原文 [括号](不是实体)", "a", source="x.jsonl:1")
    data = NluData([*examples(a=9), odd], {"帝都": "北京"}, {}, {"city": ["北京", "上海"]})
    files, refusals = render(data, {"train": data.examples[5:], "test": data.examples[:5]})
    assert sorted(files) == ["test.yml", "train-dictionaries.yml", "train.jsonl"]
    assert len(refusals) == 1 and "train.jsonl instead of train.yml" in refusals[0] and "x.jsonl:1" in refusals[0]
    train = read(files, tmp_path)["train"]
    assert keys(train.examples) == keys(data.examples[5:])
    assert (train.synonyms, train.lookups) == (data.synonyms, data.lookups)


def test_synonyms_of_jsonl_examples_are_written_too(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text('{"text": "原 [a](b)", "intent": "a"}\n', "utf-8")
    (tmp_path / "in" / "b.yml").write_text("nlu:\n- synonym: 北京\n  examples: |\n    - 帝都\n", "utf-8")
    data = load_data(tmp_path / "in")
    files, _ = render(data, split_examples(data.examples, 0, 0, 1))
    assert read(files, tmp_path)["train"].synonyms == {"帝都": "北京"}


def test_a_note_names_the_intents_that_are_not_in_every_part() -> None:
    parts = split_examples(examples(a=30, b=2), 0.1, 0.1, 1)
    (note,) = describe_small_intents(parts)
    assert "“b” (2, none in" in note and "“a”" not in note
    assert describe_small_intents(split_examples(examples(a=30, b=30), 0.1, 0.1, 1)) == []
    (many,) = describe_small_intents({"train": examples(**{f"i{n}": 1 for n in range(50)}), "dev": []})
    assert "and 30 more" in many
