"""Reading Rasa NLU YAML as users write it, with line numbers."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cnlu.data.rasa_yaml import read_yaml
from cnlu.data.schema import Entity, Example, NluData


def reads(folder: Path, written: str | bytes) -> NluData:
    file = folder / "nlu.yml"
    file.write_bytes(written if isinstance(written, bytes) else written.encode())
    return read_yaml(file)


def lines(data: NluData) -> list[int]:
    return [int(example.source.rsplit(":", 1)[1]) for example in data.examples]


def test_every_example_of_a_block_has_its_line(tmp_path: Path) -> None:
    data = reads(
        tmp_path,
        "nlu:\n- intent: a\n  examples: |  # note\n\n    - 一\n\n    - 去[京](city:北京)\n    - 三\n",
    )
    assert data.examples == [
        Example("一", "a"),
        Example("去京", "a", (Entity(1, 2, "city", "北京"),)),
        Example("三", "a"),
    ]
    assert lines(data) == [5, 7, 8]
    assert data.examples[0].source == f"{tmp_path}/nlu.yml:5"
    assert data.synonyms_of == {"city": {"京": "北京"}} and data.notes == []


def test_list_items_have_their_own_metadata_and_that_of_the_intent(tmp_path: Path) -> None:
    data = reads(
        tmp_path,
        """\
nlu:
- intent: faq/ask_name
  metadata: {a: 1, b: x}
  examples:
  - text: 你叫什么
    metadata:
      b: yes
      c: [1.5, null, true, "1", 2020-01-01]
  - text: |
      你[是谁](who)
  - metadata: null
    text: " 你好 "
""",
    )
    assert [e.text for e in data.examples] == ["你叫什么", "你是谁", "你好"]
    assert {e.intent for e in data.examples} == {"faq/ask_name"}
    assert data.examples[0].metadata == {"a": 1, "b": "yes", "c": [1.5, None, True, "1", "2020-01-01"]}
    assert data.examples[1].metadata == data.examples[2].metadata == {"a": 1, "b": "x"}
    assert lines(data) == [5, 10, 12]


def test_examples_of_folded_and_quoted_blocks_have_their_lines(tmp_path: Path) -> None:
    data = reads(
        tmp_path,
        "nlu:\n- intent: a\n  examples: >\n    - 一个\n\n    - 两个\n"
        '- intent: b\n  examples: "- x\\n- y"\n- intent: c\n  examples:\n    "- 甲\n\n    - 乙"\n',
    )
    assert [e.text for e in data.examples] == ["一个", "两个", "x", "y", "甲", "乙"]
    assert lines(data) == [4, 6, 8, 8, 11, 13]


@pytest.mark.parametrize(
    "name", ["null", "yes", "on", "123", "1.5", "~", "True", "2020-01-01", "a.b/c", "查询", "0x1F"]
)
def test_the_name_of_an_intent_is_read_as_written(tmp_path: Path, name: str) -> None:
    assert reads(tmp_path, f"nlu:\n- intent: {name}\n  examples: |\n    - x\n").examples[0].intent == name


def test_synonyms_regexes_and_lookup_tables_are_read(tmp_path: Path) -> None:
    data = reads(
        tmp_path,
        """\
nlu:
- synonym: 北京
  examples: |
    - 帝都
    - 首都
- regex: 车次
  examples: |
    - [GD]\\d+
    - \\d{4}
- lookup: city
  examples: |
    - 北京
    - 上海
    - 北京
- lookup: city
  examples: |
    - 广州
    - 上海
""",
    )
    assert data.synonyms == {"帝都": "北京", "首都": "北京"}
    assert data.regexes == {"车次": [r"[GD]\d+", r"\d{4}"]}
    assert data.lookups == {"city": ["北京", "上海", "广州"]}


@pytest.mark.parametrize("form", ["examples: cities.txt", "examples: |\n    - cities.txt"])
def test_a_lookup_table_may_be_in_a_file(tmp_path: Path, form: str) -> None:
    (tmp_path / "cities.txt").write_text("\ufeff北京\r\n\r\n 上海 \n北京\n", encoding="utf-8")
    assert reads(tmp_path, f"nlu:\n- lookup: city\n  {form}\n").lookups == {"city": ["北京", "上海"]}


TWO_VALUES = "nlu:\n- intent: a\n  examples: |\n    - [京](city:东京)\n- synonym: 北京\n  examples: |\n    - 京\n"


def test_the_last_of_contradicting_synonyms_wins_and_a_note_says_so(tmp_path: Path) -> None:
    (tmp_path / "nlu.yml").write_text(TWO_VALUES, encoding="utf-8")
    data = read_yaml(tmp_path / "nlu.yml", NluData(synonyms_by_type=False))
    assert data.synonyms == {"京": "北京"}
    assert data.notes == [f"{tmp_path}/nlu.yml:7: the synonym “京” stood for “东京” and now stands for “北京”."]


def test_an_annotated_value_applies_to_its_type_and_a_synonym_section_to_all(tmp_path: Path) -> None:
    data = reads(tmp_path, TWO_VALUES + "- synonym: 东京\n  examples: |\n    - [江户](city)\n    - [江](户)(city)\n")
    assert data.synonyms == {"京": "北京", "[江](户)(city)": "东京"} and data.notes == []
    assert data.synonyms_of == {"city": {"京": "东京", "江户": "东京"}}


def test_other_sections_and_invalid_items_are_skipped_with_a_note(tmp_path: Path) -> None:
    data = reads(
        tmp_path,
        """\
version: "2.0"
stories:
- story: x
nlu:
- intent: a
  exmples: 1
  examples: |
    - x
     - y
    z
    -
- other: b
- intent: c
- intent: d
  examples: |
    - 见[1][2]
""",
    )
    assert [e.text for e in data.examples] == ["x", "见1"]
    places = [note.split("nlu.yml:")[1].split(":")[0] for note in data.notes]
    assert places == ["1", "2", "6", "9", "10", "11", "12", "13", "16"]


def test_a_file_without_nlu_is_skipped_with_a_note(tmp_path: Path) -> None:
    data = reads(tmp_path, "intents: [a]\nslots: {x: !!python/none ''}\n")
    assert not data.examples and "no `nlu:` section" in data.notes[0]


@pytest.mark.parametrize(
    "written",
    [
        "\ufeffnlu:\n- intent: a\n  examples: |\n    - 你好，“世界”（😀𠀀é）\n",
        "nlu:\r\n- intent: a\r\n  examples: |\r\n    - 你好，“世界”（😀𠀀é）\r\n",
        "nlu: [{intent: a, examples: '- 你好，“世界”（😀𠀀é）'}]",
        "%YAML 1.2\n---\nnlu:\n- intent: !!str a\n  examples: |-\n    -    你好，“世界”（😀𠀀é）   ",
    ],
)
def test_byte_order_marks_line_ends_and_wide_characters_are_read(tmp_path: Path, written: str) -> None:
    assert reads(tmp_path, written).examples == [Example("你好，“世界”（😀𠀀é）", "a")]


def test_only_what_rasa_strips_is_stripped(tmp_path: Path) -> None:
    data = reads(tmp_path, "nlu:\n- intent: a\n  examples: |\n    -  \u3000一 \t \n    -\t二\n")
    assert [e.text for e in data.examples] == ["\u3000一 \t", "\t二"]


def test_escapes_are_decoded_in_ascii_files_as_in_rasa(tmp_path: Path) -> None:
    body = "nlu:\n- intent: a\n  examples: |\n    - \\u4f60\\u597d\n"
    assert reads(tmp_path, body).examples[0].text == "你好"
    assert reads(tmp_path, body + "    - 好\n").examples[0].text == "\\u4f60\\u597d"
    assert reads(tmp_path, body + "    - C:\\user\n").examples[0].text == "\\u4f60\\u597d"


@pytest.mark.parametrize(
    "form",
    [
        '    - 我想去[北京](city)，[明天]{{"entity": "date", "role": "r"}} {}\n',
        "  - text: 去[北京](city) {}\n    metadata: {{a: 1}}\n",
    ],
)
def test_twenty_thousand_examples_take_seconds(tmp_path: Path, form: str) -> None:
    head = "nlu:\n- intent: a\n  examples:" + (" |\n" if "    - " in form else "\n")
    (tmp_path / "nlu.yml").write_text(head + "".join(form.format(i) for i in range(20_000)), encoding="utf-8")
    start_time = time.process_time()
    assert len(read_yaml(tmp_path / "nlu.yml").examples) == 20_000
    assert time.process_time() - start_time < 10  # about one second; the rest is for slow machines


def test_a_number_in_metadata_that_is_too_large_for_a_float_stays_text(tmp_path: Path) -> None:
    file = tmp_path / "nlu.yml"
    file.write_text("nlu:\n- intent: a\n  metadata: {x: 1e999, y: .inf, z: 1e3}\n  examples: |\n    - b\n", "utf-8")
    assert read_yaml(file).examples[0].metadata == {"x": "1e999", "y": ".inf", "z": 1000.0}
