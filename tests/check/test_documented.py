"""docs/writing-examples.md says what the check does: its codes, its output."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cnlu.check.findings import CODES
from cnlu.cli import main
from cnlu.config import CheckConfig


@pytest.fixture
def document(checkout: Path) -> str:
    return (checkout / "docs" / "writing-examples.md").read_text("utf-8")


def block(document: str, language: str, begin: str) -> str:
    """The first code block of a language that begins so."""
    (found, *_) = re.findall(rf"^```{language}\n({re.escape(begin)}.*?)^```$", document, re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_table_has_every_code_with_its_severity_in_the_order_of_reports(document: str) -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (error|warning|info) \|", document, re.MULTILINE)
    assert rows == [(name, severity) for name, severity in CODES.items()]


def test_the_output_shown_is_the_real_one(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("opencc", reason="the output has a finding that needs the extra cnlu[zh]")
    (tmp_path / "nlu.yml").write_text(block(document, "yaml", 'version: "3.1"'), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["check", "nlu.yml", "--ignore", "few-entities"]) == 1
    assert capsys.readouterr().out == block(document, "text", "error")


def test_every_setting_of_the_check_is_explained(document: str) -> None:
    assert not [name for name in CheckConfig.__dataclass_fields__ if f"`check.{name}`" not in document]
