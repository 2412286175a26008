"""`cnlu check` from the command line: exit codes, text and JSON output, ignored findings, unreadable files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.places import PYTHONPATH

Cli = Callable[..., Any]
CLEAN = "nlu:\n- intent: a\n  examples: |\n" + "".join(f"    - 第{n}句话\n" for n in "一二三四五")
FAULTY = CLEAN + "- intent: null\n  examples: |\n    - 第一句话\n    - 再说一遍\n"


def written(folder: Path, content: str | bytes, name: str = "nlu.yml") -> Path:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


def test_clean_examples(cli: Cli, tmp_path: Path) -> None:
    done = cli("check", written(tmp_path, CLEAN))
    assert done.code == 0
    assert done.out == "nothing found in 5 examples, 1 intent, 0 entity types\n"


def test_findings_show_place_text_problem_and_fix(cli: Cli, tmp_path: Path) -> None:
    path = written(tmp_path, FAULTY)
    done = cli("check", path)
    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[:2] == [
        "error two-intents (1): texts with two intents",
        f"  {path}:11: “第一句话” has the intent “null” here and “a” at {path}:4; keep it in one of them.",
    ]
    assert lines[-1] == "1 error, 1 warning in 7 examples, 2 intents, 0 entity types"


def test_json_holds_all_in_its_documented_shape(cli: Cli, tmp_path: Path) -> None:
    path = written(tmp_path, FAULTY)
    done = cli("check", path, "--format", "json", "--set", "check.show=1")
    content = json.loads(done.out)
    assert list(content) == [
        "version",
        "exit_code",
        "examples",
        "test_examples",
        "intents",
        "entity_types",
        "dictionaries",
        "counts",
        "findings",
    ]
    assert (content["version"], content["exit_code"]) == (1, 1)
    assert content["counts"] == {"error": 1, "warning": 1, "info": 0}
    first = content["findings"][0]
    assert first == {
        "code": "two-intents",
        "severity": "error",
        "file": str(path),
        "line": 11,
        "text": "第一句话",
        "problem": f"has the intent “null” here and “a” at {path}:4",
        "fix": "keep it in one of them",
        "related": [{"file": str(path), "line": 4, "text": "第一句话"}],
    }


@pytest.mark.parametrize(
    "silenced",
    [
        ["--ignore", "two-intents", "--ignore", "few-examples"],
        ["--ignore", "two-intents,few-examples"],
        ["--set", "check.ignore=two-intents, few-examples"],
        ["--ignore", "two-intents", "--set", "check.min_intent_examples=2"],
    ],
)
def test_ignored_findings_are_not_reported(cli: Cli, tmp_path: Path, silenced: list[str]) -> None:
    done = cli("check", written(tmp_path, FAULTY), *silenced)
    assert (done.code, done.out.startswith("nothing found")) == (0, True)


def test_settings_of_a_file_that_training_reads_too(cli: Cli, tmp_path: Path) -> None:
    settings = "check:\n  ignore: two-intents\n  min_intent_examples: 1\nencoder:\n  tuning: frozen\n"
    config = written(tmp_path, settings, "mine.yaml")
    assert cli("check", written(tmp_path, FAULTY), "--config", config).code == 0


@pytest.mark.parametrize(("fail_on", "code"), [("error", 0), ("warning", 1), ("info", 1)])
def test_fail_on_sets_the_severity_that_fails_the_check(cli: Cli, tmp_path: Path, fail_on: str, code: int) -> None:
    path = written(tmp_path, FAULTY)
    assert cli("check", path, "--ignore", "two-intents", "--set", f"check.fail_on={fail_on}").code == code


def test_many_findings_are_counted_and_cut_short(cli: Cli, tmp_path: Path) -> None:
    repeats = "".join(f"    - 句子甲{chr(0x4E00 + 7 * n)}\n" * 2 for n in range(300))
    path = written(tmp_path, f"nlu:\n- intent: a\n  examples: |\n{repeats}")
    done = cli("check", path)
    assert done.out.count("occurs also at") == 10
    assert "... and 290 more" in done.out
    findings = json.loads(cli("check", path, "--format", "json").out)["findings"]
    assert [one["code"] for one in findings].count("duplicate") == 300
    assert cli("check", path, "--set", "check.show=0").out.count("occurs also at") == 300


def test_unreadable_examples_are_all_named_beside_the_other_findings(cli: Cli, tmp_path: Path) -> None:
    lines = '{"text": "好", "intent": "a", "entities": [{"start": 0, "end": 9, "entity": "x"}]}\n{"text": \n'
    done = cli("check", written(tmp_path, lines, "nlu.jsonl"), written(tmp_path, FAULTY))
    assert done.code == 2
    assert "unreadable-example (2)" in done.out and "two-intents (1)" in done.out
    assert "the span 0-9 does not lie inside the text" in done.out


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        ("nlu:\n- intent: a\n  examples: [\n", "nlu.yml:4", "not valid YAML"),
        ("nlu:\n\t- intent: a\n", "nlu.yml:2", "tab"),
        (b"nlu:\n- intent: \xc4\xe3\n", "nlu.yml:2", "not valid UTF-8"),
        ("", "nlu.yml", "empty"),
        ("stories: []\n", "nlu.yml", "no examples"),
    ],
)
def test_files_that_cannot_be_read_are_refused(
    cli: Cli, tmp_path: Path, content: str | bytes, place: str, message: str
) -> None:
    done = cli("check", written(tmp_path, content), "--format", "json")
    assert (done.code, done.out) == (2, "")
    assert str(tmp_path / place) in done.sentence and message in done.sentence


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ignore", "two-intent"], "--ignore: there is no code 'two-intent'; write 'two-intents'."),
        (["--ignore", "bare-value"], "--ignore: the code 'bare-value' has a new name; write 'missing-annotation'."),
        (["--set", "check.ignore=loose-span"], "check.ignore: the code 'loose-span' has a new name"),
        (["--ignore", "unreadable-example"], "cannot be ignored"),
        (["--set", "check.ignore=nothing-at-all"], "there is no code 'nothing-at-all'"),
        (["--set", "check.similarity=2"], "at most 1"),
        (["--set", "check.shw=2"], "did you mean 'show'"),
        (["--test", "nowhere.yml"], "nowhere.yml: there is no such file"),
        (["--config", "nowhere"], "nowhere"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(
    cli: Cli, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = cli("check", written(tmp_path, CLEAN), *arguments)
    assert done.code == 2 and message in done.sentence


def test_a_folder_without_data_is_refused(cli: Cli, tmp_path: Path) -> None:
    done = cli("check", tmp_path)
    assert done.code == 2 and "holds no data files" in done.sentence


def test_labels_and_texts_of_any_characters_are_shown(cli: Cli, tmp_path: Path) -> None:
    record = {"text": "\ud800\x07好\n", "intent": "a b/🚄\u202e"}
    path = written(tmp_path, 2 * (json.dumps(record) + "\n"), "nlu.jsonl")
    done = cli("check", path)
    assert done.code == 1 and r"“\ud800\x07好\n”" in done.out and r"\u202e" in done.out
    assert json.loads(cli("check", path, "--format", "json").out)["findings"][-1]["text"] == record["text"]


def test_without_opencc_a_note_is_printed(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opencc", None)
    done = cli("check", written(tmp_path, CLEAN))
    assert done.code == 0 and "cnlu[zh]" in done.err


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_terminal_without_chinese_gets_escapes(tmp_path: Path, checkout: Path, form: str) -> None:
    command = [sys.executable, "-m", "cnlu", "check", written(tmp_path, FAULTY), "--format", form]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": PYTHONPATH}
    done = subprocess.run(command, env=environment, capture_output=True)
    assert done.returncode == 1 and rb"\u7b2c\u4e00" in done.stdout and b"Traceback" not in done.stderr
