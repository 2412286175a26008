"""JSON lines: any text is read back unchanged, and an error names the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.data.jsonl import read_jsonl, write_jsonl
from cnlu.data.schema import Entity, Example, NluData
from cnlu.errors import DataError


def reads(folder: Path, written: str | bytes) -> NluData:
    file = folder / "d.jsonl"
    file.write_bytes(written if isinstance(written, bytes) else written.encode())
    return read_jsonl(file)


def test_all_fields_of_an_example_are_read(tmp_path: Path) -> None:
    data = reads(
        tmp_path,
        '\ufeff{"text": "去😀上海", "intent": "订票", "entities": [{"start": 2, "end": 4, "entity": "city", '
        '"value": "沪", "role": "to", "group": "1"}, {"start": 1, "end": 2, "entity": "e"}]}\r\n'
        '\n  \n{"text": "嗯", "intent": null, "metadata": {"a": [1]}}\n{"text": "啊"}',
    )
    assert data.examples == [
        Example("去😀上海", "订票", (Entity(1, 2, "e", "😀"), Entity(2, 4, "city", "沪", role="to", group="1"))),
        Example("嗯", None, (), metadata={"a": [1]}),
        Example("啊"),
    ]
    assert [example.source for example in data.examples] == [f"{tmp_path}/d.jsonl:{n}" for n in (1, 4, 5)]
    assert data.synonyms_of == {"city": {"上海": "沪"}} and not data.synonyms and not data.notes


def _with(**entity: object) -> str:
    return json.dumps({"text": "一二", "entities": [{"start": 0, "end": 1, "entity": "x", **entity}]})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object"),
        ("1 2", "not valid JSON"),
        ("[" * 100_000, "too deeply"),
        ('{"text": "a", "text": "b"}', '"text" appears twice'),
        ('{"text": "a\0"}', "not valid JSON"),
        ('{"intent": "a"}', 'no "text"'),
        ('{"text": 1}', "must be a string"),
        ('{"text": ""}', "is empty"),
        ('{"text": "a", "intent": ""}', '"intent" is empty'),
        ('{"text": "a", "intent": {"name": "b"}}', '"intent" must'),
        ('{"text": "a", "entities": {}}', "must be a list"),
        ('{"text": "a", "entities": ["x"]}', "must be an object"),
        (_with(start=True), "whole numbers"),
        (_with(end=1.0), "whole numbers"),
        (_with(end="1"), "whole numbers"),
        (_with(end=None), "whole numbers"),
        (_with(end=3), "inside the text"),
        (_with(start=-1), "inside the text"),
        (_with(end=0), "inside the text"),
        (_with(start=1), "inside the text"),
        (_with(entity=""), "has no type"),
        (_with(entity=3), "has no type"),
        (_with(value=3), '"value"'),
        (_with(role=[]), '"role"'),
        (_with(group=1), '"group"'),
    ],
)
def test_an_error_names_the_line_and_the_problem(tmp_path: Path, line: str, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        reads(tmp_path, '{"text": "好"}\n\n' + line + "\n")
    assert str(caught.value).startswith(f"{tmp_path}/d.jsonl:3: ") and expected in str(caught.value)


def test_an_error_names_the_byte_that_is_not_utf8(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"d\.jsonl:2: byte 25 \(0xB1\)"):
        reads(tmp_path, '{"text": "好的好"}\n'.encode() + b'{"t\xb1')


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="empty"):
        reads(tmp_path, "\n\n")


def test_overlaps_are_kept_and_noted_and_an_unknown_key_is_noted_once(tmp_path: Path) -> None:
    entities = [{"start": 0, "end": 2, "entity": "x"}, {"start": 1, "end": 3, "entity": "y"}]
    line = json.dumps({"text": "一二三", "id": 1, "entities": entities}) + "\n"
    data = reads(tmp_path, line + '{"text": "四", "id": 2}')
    assert len(data.examples[0].entities) == 2
    assert [note.rsplit("d.jsonl", 1)[1] for note in data.notes] == [
        ":1: the key “id” of an example is unknown and is ignored.",
        ":1: the entity “二三” overlaps another.",
    ]


_TEXT = st.text(alphabet=st.characters(exclude_categories=[]), min_size=1, max_size=20)


@given(st.data())
def test_any_text_is_read_back_unchanged(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    text = data.draw(_TEXT)
    entities = []
    for _ in range(data.draw(st.integers(0, 3))):
        start = data.draw(st.integers(0, len(text) - 1))
        end = data.draw(st.integers(start + 1, len(text)))
        role, group = data.draw(st.tuples(*[st.none() | _TEXT] * 2))
        entities.append(Entity(start, end, data.draw(_TEXT), data.draw(_TEXT), role=role, group=group))
    entities.sort(key=lambda entity: entity.start)
    intent = data.draw(st.none() | _TEXT.filter(lambda name: bool(name.strip())))
    example = Example(
        text, intent, tuple(entities), metadata=data.draw(st.none() | st.lists(st.integers() | st.booleans()))
    )
    file = tmp_path_factory.getbasetemp() / "round_trip.jsonl"
    try:
        write_jsonl([example], file)
    except DataError as error:
        assert "surrogates" in str(error)  # JSON reads two adjacent halves as one character
        return
    assert read_jsonl(file).examples == [example]


def test_lone_surrogates_are_escaped_and_other_text_is_not(tmp_path: Path) -> None:
    examples = [Example("坏\ud83d", "a\udc00"), Example("好\u2028\0\n😀", "b")]
    write_jsonl(examples, tmp_path / "d.jsonl")
    assert read_jsonl(tmp_path / "d.jsonl").examples == examples
    assert "好" in (tmp_path / "d.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "example",
    [
        Example("\ud83d\ude00", "a"),
        Example("", "a"),
        Example("一", " "),
        Example("一", "a", (Entity(0, 2, "x", "一"),)),
        Example("一", metadata=float("inf")),
        Example("一", metadata=object()),
    ],
)
def test_an_example_that_would_not_be_read_back_is_refused_and_nothing_is_written(
    tmp_path: Path, example: Example
) -> None:
    with pytest.raises(DataError, match="example 2: "):
        write_jsonl([Example("好"), example], tmp_path / "d.jsonl")
    assert not list(tmp_path.iterdir())


def test_real_data_sets_have_values_at_their_offsets(shared: Path) -> None:
    for file in sorted(shared.glob("data/*/*.jsonl")):
        if '"text"' not in file.read_text(encoding="utf-8")[:2000]:
            continue  # a set of questions and answers, for example
        data = read_jsonl(file)
        assert len(data.examples) == sum(1 for line in file.read_text(encoding="utf-8").split("\n") if line)
        assert all("is unknown and is ignored" in note for note in data.notes) and not data.synonyms  # their own keys


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "[1, 2e400]"])
def test_a_number_that_json_cannot_represent_is_refused(tmp_path: Path, number: str) -> None:
    with pytest.raises(DataError, match="d.jsonl:1"):
        reads(tmp_path, f'{{"text": "嗯", "metadata": {{"a": {number}}}}}')
