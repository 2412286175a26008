"""Written YAML is read back unchanged; what it cannot express is an error that recommends JSONL."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.data.load import load_data
from cnlu.data.rasa_yaml import read_yaml
from cnlu.data.schema import Entity, Example, NluData
from cnlu.data.yaml_writer import to_yaml, write_yaml
from cnlu.errors import CnluError, DataError


def grouped(examples: list[Example]) -> list[Example]:
    order = list(dict.fromkeys(example.intent for example in examples))
    return sorted(examples, key=lambda example: order.index(example.intent))


def test_the_file_is_written_as_a_person_would_write_it(tmp_path: Path) -> None:
    data = NluData(
        [
            Example("去上海", "订票", (Entity(1, 3, "city", "上海", role="to"),)),
            Example("你好", "null"),
            Example("去魔都", "订票", (Entity(1, 3, "city", "上海"),)),
            Example("嗯", "faq/a", metadata={"n": 1}),
        ],
        synonyms={"帝都": "北京"},
        regexes={"车次": [r"[GD]\d+"]},
        lookups={"city": ["北京", "上海"]},
        synonyms_of={"city": {"魔都": "上海", "京": "北京"}},
    )
    write_yaml(data, tmp_path / "nlu.yml")
    assert (
        (tmp_path / "nlu.yml").read_text(encoding="utf-8")
        == """\
# Rasa NLU 3.1 · cnlu
version: "3.1"
nlu:

- intent: 订票
  examples: |
    - 去[上海]{"entity": "city", "role": "to"}
    - 去[魔都](city:上海)

- intent: "null"
  examples: |
    - 你好

- intent: faq/a
  examples:
  - text: "嗯"
    metadata: {"n": 1}

- synonym: 北京
  examples: |
    - 帝都
    - [京](city)

- regex: 车次
  examples: |
    - [GD]\\d+

- lookup: city
  examples: |
    - 北京
    - 上海
"""
    )
    read = read_yaml(tmp_path / "nlu.yml")
    assert read.examples == grouped(data.examples) and not read.notes and read.synonyms_of == data.synonyms_of
    assert (read.synonyms, read.regexes, read.lookups) == (data.synonyms, data.regexes, data.lookups)


@pytest.mark.parametrize(
    "example",
    [
        Example("一\n二", "a"),
        Example("一\r二", "a"),
        Example("一\0", "a"),
        Example("一\u2028二", "a"),
        Example("一\x85二", "a"),
        Example("\ud800", "a"),
        Example(" 一", "a"),
        Example("一 ", "a"),
        Example("", "a"),
        Example("见[1](2)", "a"),
        Example("一]二", "a", (Entity(0, 3, "x", "一]二"),)),
        Example("一二三", "a", (Entity(0, 2, "x", "一二"), Entity(1, 2, "y", "二"))),
        Example("一", None),
        Example("一", ""),
        Example("一", " a"),
        Example("一", "a/b/c"),
        Example("一", "a/"),
        Example("一", "a\0\u2028"),
        Example("一", "a", metadata=float("nan")),
        Example("一", "a", metadata={1: 2}),
        Example("一", "a", metadata=object()),
        Example("一", "a", metadata={"k": "\x7f"}),
    ],
)
def test_the_error_about_an_example_that_yaml_cannot_express_names_its_place_and_jsonl(example: Example) -> None:
    placed = Example(example.text, example.intent, example.entities, metadata=example.metadata, source="data.jsonl:7")
    with pytest.raises(DataError, match=r"^data\.jsonl:7: .*JSONL"):
        to_yaml(NluData([placed]))


@pytest.mark.parametrize(
    "data",
    [
        NluData(),
        NluData(synonyms={"": "a"}),
        NluData(synonyms={" a": "b"}),
        NluData(synonyms={"a": ""}),
        NluData(regexes={"r": []}),
        NluData(regexes={"r": ["a\nb"]}),
        NluData(lookups={"l": ["names.txt"]}),
        NluData(lookups={" ": ["a"]}),
        NluData(lookups={"l": ["a\x00"]}),
    ],
)
def test_entries_that_rasa_would_skip_or_change_are_refused(data: NluData) -> None:
    with pytest.raises(DataError):
        to_yaml(data)


def test_an_error_leaves_the_old_file_unchanged(tmp_path: Path) -> None:
    (tmp_path / "nlu.yml").write_text("old", encoding="utf-8")
    with pytest.raises(DataError):
        write_yaml(NluData([Example("一", "a"), Example("一\n", "a")]), tmp_path / "nlu.yml")
    assert [(file.name, file.read_text(encoding="utf-8")) for file in tmp_path.iterdir()] == [("nlu.yml", "old")]


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CnluError, match=r"nowhere/nlu\.yml: the file cannot be written"):
        write_yaml(NluData([Example("一", "a")]), tmp_path / "nowhere" / "nlu.yml")
    with pytest.raises(CnluError, match="cannot be written"):
        write_yaml(NluData([Example("一", "a")]), tmp_path)


def test_writing_to_a_link_replaces_its_target(tmp_path: Path) -> None:
    (tmp_path / "real.yml").write_text("old", encoding="utf-8")
    (tmp_path / "link.yml").symlink_to("real.yml")
    write_yaml(NluData([Example("一", "a")]), tmp_path / "link.yml")
    assert (tmp_path / "link.yml").is_symlink() and "一" in (tmp_path / "real.yml").read_text(encoding="utf-8")


_CHARACTERS = st.one_of(
    st.sampled_from("[](){}[](){}:\"'\\/#-&*!|>%@`?=~^, \t\n\u3000，（）。“”北京上海😀𠀀é\u0301\u200d\u2028\x85\ufeff"),
    st.characters(),
)
_TEXT = st.text(alphabet=_CHARACTERS, min_size=1, max_size=10)
_METADATA = st.one_of(
    st.none(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
        max_leaves=5,
    ),
)


@st.composite
def _examples(draw: st.DrawFn) -> Example:
    text = draw(_TEXT)
    spans = sorted(draw(st.sets(st.integers(0, len(text)), max_size=4)))
    entities = []
    for start, end in zip(spans[::2], spans[1::2], strict=False):
        for _ in range(draw(st.integers(1, 2))):
            value = draw(st.just(text[start:end]) | _TEXT)
            role, group = draw(st.tuples(*[st.none() | _TEXT] * 2))
            entities.append(Entity(start, end, draw(_TEXT), value, role=role, group=group))
    return Example(text, draw(_TEXT), tuple(entities), metadata=draw(_METADATA))


@given(st.lists(_examples(), min_size=1, max_size=4))
def test_examples_are_read_back_unchanged_or_refused(
    tmp_path_factory: pytest.TempPathFactory, examples: list[Example]
) -> None:
    file = tmp_path_factory.getbasetemp() / "round_trip.yml"
    kept = []
    for example in examples:
        try:
            to_yaml(NluData([example]))
            kept.append(example)
        except DataError as error:
            assert "JSONL" in str(error)
    if kept:
        write_yaml(NluData(kept), file)
        assert read_yaml(file).examples == grouped(kept)


_TABLES = st.dictionaries(_TEXT, st.lists(_TEXT, min_size=1, max_size=3, unique=True), max_size=1)


@given(st.dictionaries(_TEXT, _TEXT, max_size=1), _TABLES, _TABLES)
def test_tables_are_read_back_unchanged_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    synonyms: dict[str, str],
    regexes: dict[str, list[str]],
    lookups: dict[str, list[str]],
) -> None:
    file = tmp_path_factory.getbasetemp() / "round_trip.yml"
    for data in (NluData([], synonyms), NluData([], {}, regexes), NluData([], {}, {}, lookups)):
        try:
            write_yaml(data, file)
        except DataError:
            continue
        read = read_yaml(file)
        assert (read.synonyms, read.regexes, read.lookups) == (data.synonyms, data.regexes, data.lookups)


def test_real_data_sets_are_read_back_unchanged_from_yaml(tmp_path: Path, shared: Path) -> None:
    for file in sorted(shared.glob("data/*/train.jsonl")):
        examples = []
        for example in load_data(file).examples[::10]:
            try:
                to_yaml(NluData([example]))
                examples.append(example)
            except DataError as error:
                assert "JSONL" in str(error)
        write_yaml(NluData(examples), tmp_path / "nlu.yml")
        assert read_yaml(tmp_path / "nlu.yml").examples == grouped(examples)
        assert len(examples) > 190
