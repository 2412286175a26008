"""What cannot be converted is reported, and what is ignored is counted."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnlu.convert.formats import ConvertOptions, convert
from cnlu.data.load import load_data
from cnlu.errors import DataError
from tests.convert.files import FACES, FILES, RASA_JSON, lines, studio

Cli = Callable[..., Any]


def skipped(folder: Path, content: str | bytes, **options: Any) -> tuple[list[str], dict[str, int]]:
    """The items that are skipped, without the name of the file, and the counts of what is ignored."""
    path = folder / "export"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = convert(ConvertOptions(path, **options))[1]
    sentences = [sentence.replace(f"{path}:", "").replace("not converted: ", "") for sentence in result.skipped]
    return sentences, dict(+result.ignored)


def test_items_of_doccano_are_skipped_with_a_reason(tmp_path: Path) -> None:
    records = [
        {"text": "去北京", "label": [[1, 3, "city"]], "Comments": ["?"]},
        {"text": "去北京", "label": [[1, 4, "city"]]},
        {"text": "", "label": []},
        {"text": "好", "label": [3]},
        {"text": "好", "annotations": [{"label": 3, "start_offset": 0}]},
    ]
    sentences, ignored = skipped(tmp_path, lines(*records) + '{"text": \n')
    assert [sentence[:2] for sentence in sentences] == ["2:", "3:", "4:", "5:", "6:"]
    assert "not valid JSON" in sentences[-1]
    assert ignored == {'"Comments"': 1}


def test_items_of_label_studio_are_skipped_with_a_reason(tmp_path: Path) -> None:
    twice = studio("去北京", "book", (1, 3, "北京", "city"))
    twice["annotations"] = twice["annotations"] * 2  # type: ignore[operator]
    nobody = {**studio("好", "a"), "annotations": [{"was_cancelled": True, "result": []}]}
    two = {**studio("好", "a"), "data": {"question": "好", "answer": "不好"}}
    shifted = studio("去北京", "book", (2, 4, "北京", "city"))
    rated = studio("好", "a")
    rated["annotations"][0]["result"].append({"type": "rating", "value": {"rating": 3}})  # type: ignore[index]
    sentences, ignored = skipped(tmp_path, json.dumps([twice, nobody, two, shifted, rated], indent=1))
    assert ["has no annotation" in sentences[0], "--text" in sentences[1], "count from 1" in sentences[2]] == [True] * 3
    assert len({sentence.partition(":")[0] for sentence in sentences}) == 3
    assert ignored == {"further annotations of the same text": 1, '"rating"': 1}
    assert not any("--text" in sentence for sentence in skipped(tmp_path, json.dumps([two]), text="question")[0])


def test_sentences_in_columns_are_skipped_with_a_reason(tmp_path: Path) -> None:
    content = "去\tO\n京\tX-city\n\n# id: 7\n去\tO\n京\tB-city\n\nabc def\n好\tO\n\n好\tO\n不 好\n吗\tO\n \tO\n"
    sentences, ignored = skipped(tmp_path, content, format="bio")
    assert [sentence[:2] for sentence in sentences] == ["1:", "8:", "11"] and ignored == {"comments": 1}


def test_items_of_rasa_json_are_skipped_with_a_reason(tmp_path: Path) -> None:
    content = json.loads(json.dumps(RASA_JSON))
    content["rasa_nlu_data"]["common_examples"][0]["entities"][0]["end"] = 4
    content["rasa_nlu_data"]["lookup_tables"].append({"name": "x", "elements": "../../../etc/passwd"})
    sentences, _ = skipped(tmp_path, json.dumps(content, indent=1))
    assert "the end seems to be inclusive" in sentences[0] and "is not in the folder" in sentences[1]


def test_items_of_rasa_markdown_are_skipped_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "cities.txt").write_text("北京\n上海\n", "utf-8")
    content = '# notes\nhello\n## intent:a\n- 好\nno dash\n- [北京]{"entity": }\n## lookup:city\ncities.txt\n'
    sentences, ignored = skipped(tmp_path, content)
    assert [sentence[:2] for sentence in sentences] == ["5:", "6:"]
    assert ignored == {"lines outside of the sections": 1}


def test_items_of_dialogflow_and_luis_are_skipped_with_a_reason(tmp_path: Path) -> None:
    assert skipped(tmp_path, FILES["dialogflow"][1])[1] == {"sentences in en": 1}
    sentences = [{"data": [{"text": "@city:city 天气"}], "isTemplate": True}, {"data": [{"text": "好"}]}]
    assert "template" in skipped(tmp_path, json.dumps(sentences))[0][0]
    city = {"entity": "city", "startPos": 1, "endPos": 3, "children": [{}]}
    utterances = [{"text": "去北京", "intent": "a", "entities": [city]}]
    sentences, ignored = skipped(tmp_path, json.dumps({"intents": [], "phraselists": [{}], "utterances": utterances}))
    assert "does not lie" in sentences[0] and ignored == {"parts of machine-learned entities": 1, '"phraselists"': 1}


def test_rows_of_tables_are_skipped_with_a_reason(tmp_path: Path) -> None:
    sentences, ignored = skipped(tmp_path, 'text,intent,id\n"好,吧",a,1\n不,好,b,2\n,a,3\n"两\n行",a,4\n')
    assert [sentence[:2] for sentence in sentences] == ["3:", "4:"] and ignored == {"column id": 2}
    with pytest.raises(DataError, match=r":1: it is not clear which of the columns 甲, 乙 has the texts"):
        skipped(tmp_path, "甲,乙\n好,a\n", format="csv")
    assert skipped(tmp_path, "甲,乙\n好,a\n", format="csv", text="甲", intent="乙")[0] == []
    with pytest.raises(DataError, match=r":2: .*check its quotes"):
        skipped(tmp_path, 'text,intent\n"好,a\n')


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("随便写的一些话\n还有一些\n", "cannot be detected"),
        ("", "cannot be detected"),
        ('{"a": 1}', "cannot be detected"),
        ("[" * 100_000, "cannot be detected"),
        ('{"text": "好", "intent": "a", "entities": []}\n', "already"),
        (b"PK\x03\x04 no zip", "cannot be detected"),
        (b"\xff\xfe\x00", "not valid in utf-16"),
    ],
)
def test_a_file_of_an_unknown_format_is_refused(tmp_path: Path, content: str | bytes, expected: str) -> None:
    with pytest.raises(DataError, match=expected) as caught:
        skipped(tmp_path, content)
    assert "\n" not in str(caught.value)


def test_damaged_and_too_large_zips_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = FILES["dialogflow"][1]
    assert isinstance(content, bytes)
    for at in (60, 200, 400):  # a damaged name or checksum
        broken = content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]
        try:
            skipped(tmp_path, broken)
        except DataError as error:
            assert "\n" not in str(error)
    monkeypatch.setattr("cnlu.convert.dialogflow.MAX_BYTES", 1 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(9):
            archive.writestr(f"intents/{i}_usersays_zh.json", bytes(1 << 17))
    with pytest.raises(DataError, match="more than 1 MB"):
        convert(ConvertOptions(tmp_path / "bomb.zip"))


def test_skipped_items_are_reported_the_rest_is_written_and_the_exit_code_is_1(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(lines({"text": "好", "label": ["a"]}, {"text": "", "label": ["a"]}), "utf-8")
    done = cli("convert", tmp_path / "in.jsonl", "--to", "yaml", "--out", tmp_path / "nlu.yml")
    assert done.code == 1 and "in.jsonl:2: not converted: it has no text." in done.err
    assert done.err.splitlines()[-1].endswith("doccano; 1 example, 1 intent, 0 entities of 0 types; 1 not converted")
    assert [example.text for example in load_data(tmp_path / "nlu.yml").examples] == ["好"]


def test_data_that_yaml_cannot_express_is_refused_and_nothing_is_written(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(lines({"text": "见[1](注)", "label": ["a"]}), "utf-8")
    done = cli("convert", tmp_path / "in.jsonl", "--to", "yaml", "--out", tmp_path / "nlu.yml")
    assert done.code == 2 and "in.jsonl:1" in done.sentence and "JSONL" in done.sentence
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_an_existing_file_is_not_replaced_without_force(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(lines({"text": FACES, "label": ["a"]}), "utf-8")
    out = tmp_path / "nlu.yml"
    out.write_text("mine")
    refused = cli("convert", tmp_path / "in.jsonl", "--to", "yaml", "--out", out)
    assert refused.code == 2 and "--force" in refused.sentence and out.read_text() == "mine"
    assert cli("convert", tmp_path / "in.jsonl", "--to", "yaml", "--out", out, "--force").code == 0


def test_jsonl_on_standard_output_is_refused_if_there_are_dictionaries(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps(RASA_JSON), "utf-8")
    done = cli("convert", tmp_path / "old.json", "--to", "jsonl")
    assert done.code == 2 and "--out" in done.sentence and done.out == ""
