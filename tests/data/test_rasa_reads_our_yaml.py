"""Rasa 3.6 reads the same data as cnlu from the files that cnlu reads and writes."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnlu.config import DataConfig
from cnlu.data.load import load_data
from cnlu.data.schema import Entity, Example, NluData
from cnlu.data.yaml_writer import to_yaml, write_yaml
from cnlu.errors import DataError

pytestmark = pytest.mark.rasa

AS_RASA = DataConfig(synonyms="everywhere")

EVERY_FORM = """\
version: "3.1"
nlu:
- intent: 订票
  examples: |
    - 去[北京](city)
    -去[魔都](city:上海)
    -   从[上海]{"entity": "city", "role": "from"}到[羊城]{"entity": "city", "role": "to", "value": "广州"}  
    - [两张]{"entity": "count", "group": "1", "value": 2}票，😀[明天](日期)
    - [苹果][{"entity": "fruit"}, {"entity": "brand", "role": "maker", "value": "Apple"}]好
    - 一个 [括号] 不是实体，{这} (也) 不是
    - 看图[1][2]
    - 看[这[里](place)和 [x y](a b: c)
    - [空](a:)和[](b)和[x]{}
    - [a](b)(c)[d]{"entity": "e\\u4e2d", "extra": [1]}
    -　全角空格
    - \ttab
    not an example
      - nor this
    - # no comment
    - - dash
    - 反斜杠\\u4f60 \\n "quotes" 'more'

- intent: faq/ask_name
  metadata:
    sentiment: 1.5
    tags: [a, 2, true, null, "3"]
  examples:
  - text: |
      你叫什么
    metadata: {own: yes, sentiment: "x"}
  - text: " 你是[谁](who:你) "
  - text: >
      折叠
      一行
- intent: "a: b # c"
  examples: "- 双引号\\n- 第二\\u4f8b\\n"
- intent: '123'
  examples: >
    - 折叠的一行

    - 第二行
- intent: yes
  examples: |
    - 好
    - 好
- synonym: 北京
  examples: |
    - 帝都
    - [京](city)
- synonym: 上海
  examples: |
    - 沪
- regex: 车次
  examples: |
    - [GDCZTK]\\d{1,4}
    - \\d+次
- lookup: city
  examples: |
    - 北京
    - 上海
- lookup: city
  examples: |
    - 北京
    - 广州
stories:
- story: x
  steps:
  - intent: 订票
"""
ASCII_ONLY = """\
nlu:
- intent: greet
  examples: |
    - \\u4f60\\u597d \\\\u4f60
    - [hi](x) C:\\temp
- regex: han
  examples: |
    - [\\u4e00-\\u9fff]+
"""
AWKWARD_NAMES = """\
faq/ask_name\nnull\nyes\n123\n1.5\n0x1F\nTRUE\n~\n2020-01-01\né\n😀\n中文.带点\na+b\na: b\na #b\na'b"c\\d
-\n- x\n#\n{x}\n[x]\n${HOME}\n*x\n&x\n!x\n%x\n@x\
""".splitlines()
NASTY = list("[](){}[](){}:,\"'\\/#-&*!|>%@`?=~^$ \t北京a1　，（）“😀𠀀é\u0301\u200d\u3000")


def rich_data() -> NluData:
    surface = "从北京到魔都，两张{票}。"
    entities = (
        Entity(1, 3, "city", "北京", role="from"),
        Entity(4, 6, "city", "上海", role="to", group="1"),
        Entity(7, 9, "数量", "2张"),
        Entity(7, 9, "count", '2 ]}){"\\', role="角色"),
        Entity(10, 11, "a:b)", "票"),
    )
    examples = [Example(surface, "订票", entities)]
    examples += [Example("去羊城", "订票", (Entity(1, 3, "city", "广州"),))]
    examples += [Example(f"第{i}个 [测试", name) for i, name in enumerate(AWKWARD_NAMES)]
    metadata = {"a": [1, 2.5, None, True, "yes", "1"], "b c": {"d": "😀"}}
    examples += [
        Example("带数据", "meta", metadata=metadata),
        Example("\t没有\t", "meta"),
        Example("[x", "meta", metadata="text"),
    ]
    return NluData(
        examples,
        synonyms={"帝都": "北京", "沪": "上海: 市", "魔都": "上海", "[京](x)": "null", "羊城": "穗"},
        regexes={"车次": [r"[GDCZTK]\d{1,4}", r"[一-龥]+#\s"], "123": [r"\u4e00"]},
        lookups={"city": ["北京", "- 上海", "# x"], "yes": ['"a": b']},
    )


def nasty_data() -> NluData:
    """Texts with characters that have a meaning in YAML or in the notation, as far as they can be written."""
    draw = random.Random(0)
    kept: list[Example] = []
    while len(kept) < 400:
        text = "".join(draw.choices(NASTY, k=draw.randint(1, 12)))
        start = draw.randrange(len(text))
        end = draw.randint(start + 1, len(text))
        label = "".join(draw.choices(NASTY, k=3))
        value = draw.choice([text[start:end], label[:2]])
        entity = Entity(start, end, label, value, role=draw.choice([None, label]))
        example = Example(text, label, draw.choice([(), (entity,)]), metadata=draw.choice([None, {label: text}]))
        with contextlib.suppress(DataError):
            to_yaml(NluData([example]))
            kept.append(example)
    return NluData(kept)


def real_data(folder: Path) -> NluData:
    """Every 20th training example of the real sets, as far as Rasa's YAML can express it."""
    kept: list[Example] = []
    for file in sorted(folder.glob("data/*/train.jsonl")):
        for example in load_data(file).examples[::20]:
            with contextlib.suppress(DataError):
                to_yaml(NluData([example]))
                kept.append(example)
    return NluData(kept)


def as_rasa_reports(data: NluData) -> dict[str, Any]:
    """Our data in the shape of rasa_reader.py; Rasa drops repeated examples."""
    examples: list[dict[str, Any]] = []
    seen: set[str] = set()
    for example in data.examples:
        entities = [
            {"start": e.start, "end": e.end, "value": e.value, "entity": e.entity}
            | ({"role": e.role} if e.role else {})
            | ({"group": e.group} if e.group else {})
            for e in example.entities
        ]
        record = {
            "text": example.text,
            "intent": example.intent,
            "entities": entities,
            "metadata": example.metadata,
        }
        if (key := json.dumps(record, sort_keys=True)) not in seen:
            seen.add(key)
            examples.append(record)
    return {"examples": examples, "synonyms": data.synonyms, "regexes": data.regexes, "lookups": data.lookups}


def in_our_shape(read: dict[str, Any]) -> dict[str, Any]:
    """What Rasa has read, without the intended differences: values are text, metadata and tables are merged."""
    for example in read["examples"]:
        for entity in example["entities"]:
            entity["value"] = str(entity["value"])
        both = example["metadata"] or {}
        own, of_intent = both.get("example"), both.get("intent")
        merged = isinstance(own, dict) and isinstance(of_intent, dict)
        example["metadata"] = {**of_intent, **own} if merged else own if own is not None else of_intent
    regexes: dict[str, list[str]] = {}
    for regex in read["regexes"]:
        regexes.setdefault(regex["name"], []).append(regex["pattern"])
    lookups = {table["name"]: list(dict.fromkeys(table["elements"])) for table in read["lookups"]}
    synonyms = {surface: str(value) for surface, value in read["synonyms"].items()}
    return {"examples": read["examples"], "synonyms": synonyms, "regexes": regexes, "lookups": lookups}


def rasa_reads(python: str, *files: Path) -> list[dict[str, Any]]:
    script = Path(__file__).with_name("rasa_reader.py")
    done = subprocess.run(
        [python, "-W", "ignore", str(script), *map(str, files)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "RASA_TELEMETRY_ENABLED": "false"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [in_our_shape(read) for read in json.loads(done.stdout)]


@pytest.mark.parametrize(
    "written",
    [EVERY_FORM, ASCII_ONLY, EVERY_FORM.replace("\n", "\r\n")],
    ids=["every form", "all ASCII", "Windows line ends"],
)
def test_a_hand_written_file_is_read_as_rasa_reads_it(rasa_python: str, tmp_path: Path, written: str) -> None:
    file = tmp_path / "nlu.yml"
    file.write_bytes(written.encode())
    assert as_rasa_reports(load_data(file, settings=AS_RASA)) == rasa_reads(rasa_python, file)[0]


@pytest.mark.parametrize("make", [rich_data, nasty_data])
def test_rasa_reads_the_files_that_cnlu_writes(rasa_python: str, tmp_path: Path, make: Callable[[], NluData]) -> None:
    file = tmp_path / "nlu.yml"
    data = make()
    write_yaml(data, file)
    read = load_data(file, settings=AS_RASA)
    order = list(dict.fromkeys(example.intent for example in data.examples))
    assert read.examples == sorted(data.examples, key=lambda example: order.index(example.intent))
    assert as_rasa_reports(read) == rasa_reads(rasa_python, file)[0]


def test_rasa_reads_real_data_sets_converted_to_yaml(rasa_python: str, tmp_path: Path, shared: Path) -> None:
    file = tmp_path / "nlu.yml"
    data = real_data(shared)
    assert len(data.examples) > 900
    write_yaml(data, file)
    assert as_rasa_reports(load_data(file, settings=AS_RASA)) == rasa_reads(rasa_python, file)[0]
