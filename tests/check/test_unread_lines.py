"""Lines that are not read as intended: markup, keys, blocks, comments, files of tables, names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.check.examples import Found, jsonl, line_of

CUPS = ["来[大杯](cup)美式", "要[中杯](cup)"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("[小杯]（cup）", "[小杯](cup)"),
        ("【中杯】(cup)", "[中杯](cup)"),
        ("［大杯］（cup）", "[大杯](cup)"),
        ("[小杯] (cup)", "[小杯](cup)"),
        ("[小杯]\u3000（cup）", "[小杯](cup)"),
        ("[小杯](cup）", "[小杯](cup)"),
        ("【小杯】( cup ：S )", "[小杯](cup:S)"),
        ("[小杯]（Cup）", "[小杯](Cup)"),
        ("[小杯]（size_of_cup）", "[小杯](size_of_cup)"),
        ('【小杯】{"entity": "cup"}', '[小杯]{"entity": "cup"}'),
        ("[小杯]｛“entity”：“cup”，“role”：“x”｝", '[小杯]{"entity":"cup","role":"x"}'),
    ],
)
def test_markup_in_other_brackets_is_an_error_that_names_the_line(found: Found, written: str, meant: str) -> None:
    (one,) = found(["|".join(["intent: order", *CUPS, f"来{written}的"])], "mistyped-markup")
    assert (one.severity, line_of(one)) == ("error", 7)
    assert meant in one.fix and "--fix" in one.fix and "learned as text" in one.problem


@pytest.mark.parametrize(
    "text",
    [
        "这个价格（元）是多少",
        "【公告】今天停业",
        "【公告】（今天）停业",
        "[价格]（元）",
        "【新品】(Apple)",
        "【会员】(VIP)来了",
        "看[图]（见 p. 3）",
        "按【确认】 (可选)",
        "[小杯](cup)",
        '[小杯]{"entity": "cup"}',
    ],
)
def test_prose_with_brackets_is_not_reported(found: Found, text: str) -> None:
    assert found(["|".join(["intent: order", *CUPS, text])], "mistyped-markup") == []


def test_a_chinese_type_counts_where_the_data_has_it(found: Found) -> None:
    assert found(["intent: order|明天[北京]（城市）见"], "mistyped-markup") == []
    assert found(["intent: order|明天[北京]（城市）见|去[上海](城市)"], "mistyped-markup")
    assert found(["intent: order|明天[北京]（城市）见", "lookup: 城市|北京"], "mistyped-markup")


def test_markup_in_the_text_of_a_jsonl_file_is_text(found: Found) -> None:
    entity = {"start": 1, "end": 3, "entity": "cup"}
    good = {"text": "来大杯", "intent": "order", "entities": [entity]}
    (one,) = found(jsonl(good, {"text": "来[小杯](cup)", "intent": "order"}), "mistyped-markup")
    assert "offset" not in one.problem and '"start"' in one.fix
    assert found(jsonl(good, {"text": "看[这里](http)", "intent": "order"}), "mistyped-markup") == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('来[拿铁]("drink")', "quotes"),
        ("来[拿铁](“drink”)", "quotes"),
        ("来[拿铁]('drink')", "quotes"),
        ("来[拿铁]( drink )", "space"),
        ("来[拿铁](drink：latte)", "colon"),
        ('来[拿铁]{"entity": "drink ", "role": "from"}', "space"),
        ('来[拿铁]{"entity": "drink", "role": "“from”"}', "quotes"),
        ("来[拿铁](dri\u200bnk)", "invisible"),
    ],
)
def test_suspicious_names_are_reported(found: Found, line: str, said: str) -> None:
    (one,) = found([f"intent: order|{line}|再来一杯"], "suspicious-name")
    assert (one.severity, line_of(one)) == ("warning", 5) and said in one.problem


def test_names_of_any_other_characters_are_names(found: Found) -> None:
    lines = ["来[拿铁](drink type)", "来[拿铁](饮品/咖啡)", "来[拿铁](it's)"]
    assert found(["|".join(["intent: faq/a b", *lines])], "suspicious-name") == []


def test_unknown_keys_of_an_annotation_are_reported_with_the_intended_key(found: Found) -> None:
    (one,) = found(['intent: order|来[拿铁]{"entity": "drink", "rule": "from"}|再来一杯'], "unknown-key")
    assert (one.severity, line_of(one)) == ("warning", 5)
    assert "“rule”" in one.problem and "write role" in one.fix


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("nlu:\n- intent: a\n  exampels: x\n  examples: |\n    - 好\n", "exampels"),
        ("nlu:\n- intent: a\n  examples:\n  - text: 好\n    entities: []\n", "entities"),
        ('nlu:\n- synonym: a\n  type: b\n  examples: |\n    - 好\n- intent: a\n  examples: "- x"\n', "type"),
        ('{"text": "好", "intents": "a"}\n', "intents"),
        ('{"text": "好", "entities": [{"start": 0, "end": 1, "entity": "a", "rule": "b"}]}\n', "rule"),
    ],
)
def test_no_unknown_key_of_a_file_is_silent(found: Found, content: str, key: str) -> None:
    (one,) = found(content, "unknown-key")
    assert key in one.problem


def test_metadata_is_not_an_unknown_key(found: Found) -> None:
    content = "nlu:\n- intent: a\n  metadata: {x: 1}\n  examples:\n  - text: 好\n    metadata: {y: 1}\n"
    assert found(content, "unknown-key") == []


@pytest.mark.parametrize("kind", ["intent", "lookup", "synonym", "regex"])
def test_a_folded_block_that_joins_lines_is_an_error(found: Found, kind: str) -> None:
    content = (
        f"nlu:\n- {kind}: order\n  examples: >\n    - 来杯美式\n    - 来杯拿铁\n    - 来杯摩卡\n"
        "- intent: b\n  examples: |\n    - 好\n"
    )
    (one,) = found(content, "folded-block")
    assert (one.severity, line_of(one)) == ("error", 3)
    assert "3 lines, which its YAML style joins into 1 item" in one.problem and "examples: |" in one.fix


@pytest.mark.parametrize(
    "block",
    [
        ">\n    - 一\n\n    - 二\n",
        '"- 一\\n- 二"\n',
        "|-\n    - 一 - 二\n",
        "'- 一'\n",
        ">-\n    - 一\n      还是一\n",
        ">\n    - 一\n- intent: b\n  examples: |\n    - 二\n",
    ],
)
def test_a_folded_block_of_one_line_has_no_finding(found: Found, block: str) -> None:
    assert found(f"nlu:\n- intent: a\n  examples: {block}", "folded-block") == []


def test_a_quoted_block_that_joins_lines_is_an_error(found: Found) -> None:
    assert found('nlu:\n- intent: a\n  examples:\n    "- 一\n    - 二"\n', "folded-block")
    assert found("nlu:\n- intent: a\n  examples: '- 一\n    - 二'\n", "folded-block")


@pytest.mark.parametrize(
    "line",
    ["来杯美式  # 常用", "来杯美式 # 常用", "来杯美式 #常用", "来杯美式  #todo", "来杯美式\u3000# 常用", "# 来杯美式"],
)
def test_a_comment_inside_a_block_is_read_as_text(found: Found, line: str) -> None:
    (one,) = found([f"intent: order|{line}|再来一杯"], "inline-comment")
    assert (one.severity, line_of(one)) == ("warning", 5)


@pytest.mark.parametrize(
    "line",
    [
        "我要 #1 套餐",
        "发微博 #今天天气#",
        "C# 怎么学",
        "#话题",
        "拨打 #21# 呢",
        "按 # 号键结束#",
        "rude #badpho",
    ],
)
def test_a_hash_within_text_is_not_a_comment(found: Found, line: str) -> None:
    assert found([f"intent: order|{line}|再来一杯"], "inline-comment") == []


def test_a_regex_may_hold_a_hash(found: Found) -> None:
    assert found(["intent: a|编号 #12", r"regex: no|\d+ # x"], "inline-comment") == []


@pytest.mark.parametrize("line", ["# - 来杯美式", "#- 来杯美式", "  # - 来杯美式"])
def test_an_example_that_is_commented_out_has_no_finding(found: Found, line: str) -> None:
    content = f"nlu:\n- intent: order\n  examples: |\n    - 来杯拿铁\n    {line}\n    - 再来一杯\n"
    assert found(content) == []


@pytest.mark.parametrize(
    ("examples", "entry"),
    [
        ("cities.json", "cities.json"),
        ("|\n    - cities.xlsx\n", "cities.xlsx"),
        ("|\n    - tables/cities.txt\n    - tables/towns.csv\n", "tables/cities.txt"),
    ],
)
def test_a_file_that_was_taken_for_an_entry(found: Found, examples: str, entry: str) -> None:
    content = f"nlu:\n- lookup: city\n  examples: {examples}\n- intent: a\n  examples: |\n    - 去北京\n"
    ones = found(content.replace("examples: cities.json", 'examples: "- cities.json"'), "unread-table")
    assert ones[0].text == entry and "examples: " in ones[0].fix


def test_a_file_in_the_place_of_a_table_s_name_is_told_where_to_stand(found: Found) -> None:
    content = "nlu:\n- lookup: cities.csv\n- intent: a\n  examples: |\n    - 去北京\n"
    (one,) = found(content, "skipped-example")
    assert "`- lookup: cities`, `examples: cities.csv`" in one.fix


def test_names_of_files_may_be_values(found: Found) -> None:
    sections = ["intent: open|打开[notes.txt](file)|打开[a.md](file)", "lookup: file|notes.txt|a.md|readme.txt"]
    assert found(sections, "unread-table") == []


@pytest.mark.parametrize(
    ("text", "named"),
    [("去\u200b北京", "U+200B at 1"), ("\ufeff去北京", "U+FEFF at 0"), ("去北\u202e京", "U+202E at 2")],
)
def test_invisible_characters_are_named(found: Found, text: str, named: str) -> None:
    (one,) = found([f"intent: go|{text}|回家"], "invisible-character")
    assert (one.severity, line_of(one)) == ("info", 5) and named in one.problem


def test_control_characters_of_jsonl_and_of_dictionaries_are_named_too(found: Found) -> None:
    (one,) = found(jsonl({"text": "去\0北京", "intent": "a"}), "invisible-character")
    assert "U+0000 at 1" in one.problem
    (one,) = found(["intent: a|去北京", "lookup: city|北\u200b京"], "invisible-character")
    assert line_of(one) == 8


@pytest.mark.parametrize("text", ["👨‍👩‍👧来了", "❤️", "一\t二", "去\u3000北京"])
def test_parts_of_emoji_and_spaces_are_not_invisible(found: Found, text: str) -> None:
    assert found([f"intent: go|{text}|回家"], "invisible-character") == []


def test_tables_of_a_test_folder_are_checked_with_their_own_paths(found: Found, tmp_path: Path) -> None:
    (tmp_path / "cities.csv").write_text("北京,帝都\n上海\n", encoding="utf-8")
    content = "nlu:\n- lookup: city\n  examples: cities.csv\n- intent: a\n  examples: |\n    - 去[帝都](city)\n"
    assert {one.code for one in found(content)} == {"unused-entry"}
