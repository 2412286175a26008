"""The same examples in the format of each tool, and the data that they become."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping

from cnlu.data.schema import Entity, Example

FACES = "😀😀去北京订票"
"""Two characters beyond the Basic Multilingual Plane before the entity: 北京 is 3-5 in Python, 5-7 in JavaScript."""


def entity(text: str, surface: str, kind: str, value: str | None = None, role: str | None = None) -> Entity:
    start = text.index(surface)
    return Entity(start, start + len(surface), kind, value or surface, role=role)


def example(text: str, intent: str | None, *spans: tuple[str, ...]) -> Example:
    return Example(text, intent, tuple(entity(text, *span) for span in spans))


BOOK, PRICE, FACE = "帮我订明天去北京的票", "多少钱", FACES
SPANS = [("明天", "date"), ("北京", "city")]
EXPECTED = [example(BOOK, "book", *SPANS), example(PRICE, "price"), example(FACE, "book", ("北京", "city"))]
NO_INTENTS = [Example(expected.text, None, expected.entities) for expected in EXPECTED]
NO_ENTITIES = [Example(expected.text, expected.intent) for expected in EXPECTED]


def lines(*records: object) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def studio(text: str, intent: str, *spans: tuple[int, int, str, str]) -> dict[str, object]:
    result: list[dict[str, object]] = [
        {
            "type": "labels",
            "from_name": "label",
            "to_name": "text",
            "value": {"start": start, "end": end, "text": surface, "labels": [kind]},
        }
        for start, end, surface, kind in spans
    ]
    result.append({"type": "choices", "from_name": "intent", "to_name": "text", "value": {"choices": [intent]}})
    return {"id": 1, "data": {"text": text}, "annotations": [{"result": result, "was_cancelled": False}]}


def column_file(tag_of: Mapping[str, str], intents: bool = False, mark: str = "\t") -> str:
    """One character per line; `tag_of` renames B, I, E, S."""
    blocks = []
    for expected in EXPECTED:
        tags = ["O"] * len(expected.text)
        for span in expected.entities:
            for place in range(span.start, span.end):
                prefix = "B" if place == span.start else "E" if place == span.end - 1 else "I"
                tags[place] = f"{tag_of[prefix]}-{span.entity}"
        block = [f"{ch}{mark}{tag}" for ch, tag in zip(expected.text, tags, strict=True)]
        blocks.append("\n".join([*block, *([str(expected.intent)] if intents else [])]))
    return "\n\n".join(blocks) + "\n"


RASA_JSON = {
    "rasa_nlu_data": {
        "common_examples": [
            {
                "text": BOOK,
                "intent": "book",
                "entities": [
                    {"start": 3, "end": 5, "value": "明天", "entity": "date"},
                    {"start": 6, "end": 8, "value": "BJ", "entity": "city", "role": "to"},
                ],
            },
            {"text": PRICE, "intent": "price", "entities": []},
        ],
        "entity_synonyms": [{"value": "上海", "synonyms": ["魔都", "沪"]}],
        "regex_features": [{"name": "train_no", "pattern": "[GD]\\d+"}],
        "lookup_tables": [{"name": "city", "elements": ["北京", "上海"]}],
    }
}
RASA_MARKDOWN = """<!-- of 2019
     two lines -->
## intent:book
- 帮我订[明天](date)去[北京]{"entity": "city", "role": "to", "value": "BJ"}的票

## intent:price
* 多少钱
## synonym:上海
- 魔都
- 沪
## regex:train_no
- [GD]\\d+
## lookup:city
- 北京
- 上海
"""
OLD_RASA = [example(BOOK, "book", ("明天", "date"), ("北京", "city", "BJ", "to")), example(PRICE, "price")]


def dialogflow() -> bytes:
    """An agent's ZIP."""
    says = [
        {
            "id": "1",
            "isTemplate": False,
            "data": [
                {"text": "帮我订"},
                {"text": "明天", "alias": "date", "meta": "@sys.date"},
                {"text": "去"},
                {"text": "北京", "alias": "to", "meta": "@city"},
                {"text": "的票"},
            ],
        }
    ]
    files = {
        "agent.json": {"language": "zh-cn"},
        "intents/book.json": {"name": "订票"},
        "intents/book_usersays_zh-cn.json": says,
        "intents/book_usersays_en.json": [{"data": [{"text": "book"}], "isTemplate": False}],
        "intents/price_usersays_zh-cn.json": [{"data": [{"text": PRICE}], "isTemplate": False}],
        "entities/city.json": {"name": "city"},
        "entities/city_entries_zh-cn.json": [{"value": "上海", "synonyms": ["上海", "魔都", "沪"]}],
        "entities/train_no.json": {"name": "train_no", "isRegexp": True},
        "entities/train_no_entries_zh-cn.json": [{"value": "[GD]\\d+", "synonyms": []}],
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, json.dumps(content, ensure_ascii=False))
    return buffer.getvalue()


LUIS = {
    "luis_schema_version": "7.0.0",
    "name": "票",
    "culture": "zh-cn",
    "intents": [{"name": "book"}, {"name": "price"}],
    "utterances": [
        {
            "text": BOOK,
            "intent": "book",
            "entities": [
                {"entity": "date", "startPos": 3, "endPos": 4},
                {"entity": "city", "startPos": 6, "endPos": 7},
            ],
        },
        {"text": PRICE, "intent": "price", "entities": []},
        {"text": FACE, "intent": "book", "entities": [{"entity": "city", "startPos": 5, "endPos": 6}]},
    ],
    "closedLists": [{"name": "city", "subLists": [{"canonicalForm": "上海", "list": ["魔都", "沪"]}]}],
    "regex_entities": [{"name": "train_no", "regexPattern": "[GD]\\d+"}],
}

FILES: dict[str, tuple[str, str | bytes, list[Example]]] = {
    "doccano, intents and slots": (
        "doccano",
        lines(
            {"id": 1, "text": BOOK, "cats": ["book"], "entities": [[3, 5, "date"], [6, 8, "city"]]},
            {"id": 2, "text": PRICE, "cats": ["price"], "entities": []},
            {"id": 3, "text": FACE, "cats": ["book"], "entities": [[3, 5, "city"]]},
        ),
        EXPECTED,
    ),
    "doccano, label": (
        "doccano",
        lines(
            {"id": 1, "text": BOOK, "label": [[6, 8, "city"], [3, 5, "date"]]},
            {"id": 2, "text": PRICE, "label": []},
            {"id": 3, "data": FACE, "label": [[3, 5, "city"]]},
        ),
        NO_INTENTS,
    ),
    "doccano, labels": (
        "doccano",
        lines(
            {"id": 1, "text": BOOK, "labels": [[3, 5, "date"], [6, 8, "city"]]},
            {"text": PRICE, "labels": []},
            {"text": FACE, "labels": [[3, 5, "city"]]},
        ),
        NO_INTENTS,
    ),
    "doccano, entities and relations": (
        "doccano",
        lines(
            {
                "text": BOOK,
                "relations": [{"id": 1, "from_id": 1, "to_id": 2, "type": "at"}],
                "entities": [
                    {"id": 1, "label": "date", "start_offset": 3, "end_offset": 5},
                    {"id": 2, "label": "city", "start_offset": 6, "end_offset": 8},
                ],
            },
            {"text": PRICE, "entities": [], "relations": []},
            {"text": FACE, "entities": [{"id": 3, "label": "city", "start_offset": 3, "end_offset": 5}]},
        ),
        NO_INTENTS,
    ),
    "doccano, classes": (
        "doccano",
        json.dumps(
            [{"id": i, "text": expected.text, "label": [expected.intent]} for i, expected in enumerate(EXPECTED)]
        ),
        NO_ENTITIES,
    ),
    "label studio": (
        "label-studio",
        json.dumps(
            [
                studio(BOOK, "book", (3, 5, "明天", "date"), (6, 8, "北京", "city")),
                studio(PRICE, "price"),
                studio(FACE, "book", (5, 7, "北京", "city")),
            ],
            indent=1,
        ),
        EXPECTED,
    ),
    "bio": ("bio", column_file({"B": "B", "I": "I", "E": "I"}), NO_INTENTS),
    "bioes": ("bio", column_file({"B": "B", "I": "I", "E": "E"}, mark=" "), NO_INTENTS),
    "bmes and intents": ("bio", column_file({"B": "B", "I": "M", "E": "E"}, intents=True), EXPECTED),
    "rasa json": ("rasa-json", json.dumps(RASA_JSON, ensure_ascii=False, indent=2), OLD_RASA),
    "rasa markdown": ("rasa-markdown", RASA_MARKDOWN, OLD_RASA),
    "dialogflow": (
        "dialogflow",
        dialogflow(),
        [example(BOOK, "订票", ("明天", "date"), ("北京", "city", "北京", "to")), example(PRICE, "price")],
    ),
    "luis": ("luis", "\ufeff" + json.dumps(LUIS, ensure_ascii=False), EXPECTED),
    "csv": ("csv", "\ufefftext,intent\r\n" + "".join(f'"{x.text}",{x.intent}\r\n' for x in EXPECTED), NO_ENTITIES),
    "tsv": ("csv", "编号\t意图\t文本\n" + "".join(f"7\t{x.intent}\t{x.text}\n" for x in EXPECTED), NO_ENTITIES),
}
"""Format, content and converted data of files that `cnlu convert` reads."""
DICTIONARIES = {"rasa json", "rasa markdown", "dialogflow", "luis"}
"""Those with the synonyms, the pattern and the table above."""
