"""Reading files and folders together."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnlu.config import DataConfig
from cnlu.data.load import load_data
from cnlu.errors import DataError


def yaml(intent: str, *texts: str) -> str:
    return f"nlu:\n- intent: {intent}\n  examples: |\n" + "".join(f"    - {text}\n" for text in texts)


def put(folder: Path, **files: str) -> None:
    for name, text in files.items():
        file = folder / name.replace("__", "/").replace("_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def test_a_folder_is_read_recursively_in_order_without_hidden_files(tmp_path: Path) -> None:
    put(
        tmp_path,
        b_yml=yaml("b", "二"),
        a_jsonl='{"text": "一"}',
        sub__c_YAML=yaml("c", "三"),
        sub__d_json='{"text": "四"}\n{"text": "五"}',
        _hidden__x_yml="{",
        _x_yml="{",
        readme_md="#",
        domain_yml="intents: [a]",
        report_json='{\n "n": 1}',
        list_json="[1]",
    )
    data = load_data([tmp_path])
    assert [example.text for example in data.examples] == ["一", "二", "三", "四", "五"]
    assert [Path(note.split(":")[0]).name for note in data.notes] == [
        "domain.yml",
        "list.json",
        "report.json",
    ]


def test_paths_merge_in_the_order_given_and_a_file_is_read_once(tmp_path: Path) -> None:
    put(tmp_path, a_yml=yaml("a", "一", "[京](city:北京)"), b_yml=yaml("b", "一", "[京](city:东京)"))
    data = load_data([tmp_path / "b.yml", str(tmp_path)])
    assert [(e.text, e.intent) for e in data.examples] == [("一", "b"), ("京", "b"), ("一", "a"), ("京", "a")]
    assert data.synonyms_of == {"city": {"京": "北京"}}
    assert len(data.notes) == 2 and "named twice" in "".join(data.notes) and "“东京”" in "".join(data.notes)


def test_a_single_path_is_accepted(tmp_path: Path) -> None:
    put(tmp_path, a_yml=yaml("a", "一"))
    assert load_data(str(tmp_path / "a.yml")).examples == load_data(tmp_path / "a.yml").examples != []


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("none.yml", None, "no such file"),
        ("a.txt", "x", "not read"),
        ("a.json", '{"rasa_nlu_data": {}}', "cnlu convert"),
        ("a.json", "[\n]", "not JSON lines"),
        ("a.yml", "", "empty"),
        ("a.jsonl", "", "empty"),
        ("a.json", "", "empty"),
        ("a.yml", "rules: []", "no examples"),
    ],
)
def test_a_file_without_examples_is_an_error(tmp_path: Path, name: str, text: str | None, expected: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=rf"{name}: .*{expected}.*\.$"):
        load_data([tmp_path / name])


def test_a_folder_without_data_files_is_an_error(tmp_path: Path) -> None:
    put(tmp_path, readme_md="#")
    with pytest.raises(DataError, match="holds no data files"):
        load_data([tmp_path])
    with pytest.raises(DataError, match="no path is given"):
        load_data([])


def test_a_file_without_read_permission_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "gone.yml").symlink_to(tmp_path / "nowhere.yml")
    with pytest.raises(DataError, match="no such file"):
        load_data([tmp_path])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("nlu.csv", "text,intent\n好,a\n"),
        ("nlu.md", "## intent:a\n- 好\n"),
        ("nlu.bio", "好\tO\n"),
        ("bot.zip", "PK"),
        ("old.json", '{"rasa_nlu_data": {"common_examples": []}}'),
        ("studio.json", '[{"data": {"text": "好"}}]'),
        ("doccano.jsonl", '{"id": 1, "text": "去北京", "label": [[1, 3, "city"]]}\n'),
        ("doccano2.jsonl", '{"text": "去北京", "entities": [{"id": 1, "label": "city", "start_offset": 1}]}\n'),
        ("doccano3.json", '{"text": "去北京", "entities":[[1, 3, "city"]], "cats":["a"]}\n'),
    ],
)
def test_the_error_about_a_file_of_another_tool_names_the_command_that_converts_it(
    tmp_path: Path, name: str, content: str
) -> None:
    path = tmp_path / name
    path.write_text(content, "utf-8")
    with pytest.raises(DataError, match=rf"cnlu convert {path} --to yaml\.$"):
        load_data(path)


def test_the_error_about_a_folder_without_data_files_names_the_command_that_converts(tmp_path: Path) -> None:
    (tmp_path / "nlu.csv").write_text("text,intent\n好,a\n", "utf-8")
    with pytest.raises(DataError, match="`cnlu convert`"):
        load_data(tmp_path)


def test_a_link_out_of_the_folder_is_refused_unless_the_setting_or_a_path_allows_it(tmp_path: Path) -> None:
    put(tmp_path, private__a_yml=yaml("a", "秘密"), data__b_yml=yaml("b", "一"))
    (tmp_path / "data" / "c.yml").symlink_to("b.yml")
    link = tmp_path / "data" / "z.yml"
    link.symlink_to(tmp_path / "private" / "a.yml")
    with pytest.raises(
        DataError, match=r"z.yml: the file is a link that leads out of the folder .*data.files=anywhere"
    ):
        load_data(tmp_path / "data")
    for paths in ([link, tmp_path / "data"], [tmp_path]):
        assert len(load_data(paths).examples) == 2
    assert len(load_data(tmp_path / "data", settings=DataConfig(files="anywhere")).examples) == 2
