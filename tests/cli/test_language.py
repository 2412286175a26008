"""The language of the messages: `--lang`, CNLU_LANG, the locale."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cnlu import i18n
from cnlu.errors import UsageError
from tests.command_line import Done
from tests.places import PYTHONPATH

Cli = Callable[..., Done]
VARIABLES = ("CNLU_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
CHINESE = {"leave it out": "请去掉它", "{problem}; {fix}.": "{problem}；{fix}。", "{place}: {rest}": "{place}：{rest}"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No language in the environment and a small Chinese catalogue, both restored at the end."""
    babel = pytest.importorskip("babel.messages", reason="the catalogue is made with Babel")
    from babel.messages.mofile import write_mo

    catalog = babel.Catalog(locale="zh")
    for message, translation in CHINESE.items():
        catalog.add(message, translation)
    folder = tmp_path / "locale" / "zh" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "cnlu.mo").open("wb") as file:
        write_mo(file, catalog)
    monkeypatch.setattr(i18n, "LOCALE", tmp_path / "locale")
    monkeypatch.setenv("LANG", "C")
    for name in VARIABLES[:-1]:
        monkeypatch.setenv(name, "")
    yield
    monkeypatch.undo()
    i18n.use_language()


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANGUAGE": "fr:zh_TW:en"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"CNLU_LANG": "zh", "LANG": "en_US.UTF-8"}, "zh"),
        ({"CNLU_LANG": "en", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"CNLU_LANG": "xx", "LANG": "zh_CN.UTF-8"}, "zh"),
        ({"CNLU_LANG": "xx"}, "en"),
    ],
)
def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], language: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    i18n.use_language()
    sentence = str(UsageError("--seed", "problem", i18n._("leave it out")))
    assert sentence == {"en": "--seed: problem; leave it out.", "zh": "--seed：problem；请去掉它。"}[language]


@pytest.mark.parametrize("verb", [["check"], ["train"], ["pretrain", "run"], ["evaluate"], ["serve"]])
def test_the_option_stands_before_or_after_a_verb(cli: Cli, verb: list[str]) -> None:
    for arguments in (["--lang", "zh", *verb], [*verb, "--lang", "zh"]):
        done = cli(*arguments, "--no-such-option")
        assert done.code == 2
        assert done.err.startswith("cnlu: ") and "；" in done.err and done.err.endswith("。\n")


def test_the_option_overrides_the_environment(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNLU_LANG", "zh")
    assert "；" in cli("check", "--nothing").err
    assert "；" not in cli("--lang", "en", "check", "--nothing").err


def test_an_unknown_language_is_refused(cli: Cli) -> None:
    done = cli("--lang", "xx", "check", "x")
    assert done.code == 2 and "--lang: invalid choice: 'xx'" in done.sentence


def test_child_processes_use_the_language(cli: Cli) -> None:
    cli("--lang", "zh", "--version")
    code = "from cnlu import i18n; print(i18n._from_environment())"
    child = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": PYTHONPATH}, capture_output=True, text=True
    )
    assert child.stdout == "zh\n"
