"""Messages in Chinese: each has its translation, and each error is made of parts that are translated."""

from __future__ import annotations

import ast
import re
import runpy
import string
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("babel", reason="the catalogue is made with Babel")

PACKAGES = ("cnlu", "pretrain/cnlu_pretrain", "dialogue/cnlu_dialogue")
ERRORS = {"CnluError", "UsageError", "DataError", "ModelError"}
WORDS = re.compile(r"[A-Za-z]{2,}.*\s")


@pytest.fixture(scope="module")
def tool(checkout: Path) -> dict[str, Any]:
    return runpy.run_path(str(checkout / ".ci" / "messages.py"))


@pytest.fixture(scope="module")
def written(tool: dict[str, Any]) -> Any:
    if not tool["PO"].exists():
        pytest.skip("the catalogue is not written yet")
    return tool["translated"]()


def placeholders(message: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(message) if name is not None}


def test_messages_are_found_with_both_forms(tool: dict[str, Any]) -> None:
    ids = [message.id for message in tool["extracted"]()]
    assert "leave it out" in ids
    assert any(isinstance(one, tuple) for one in ids)


def test_every_message_has_its_translation(tool: dict[str, Any], written: Any) -> None:
    wanted = {message.id for message in tool["extracted"]() if message.id}
    found = {message.id: message for message in written if message.id}
    assert wanted == set(found), "run `make messages`"
    assert not [one for one in found.values() if not tool["is_translated"](one.string)]
    assert not [one for one in found.values() if one.fuzzy]


def test_a_translation_has_the_placeholders_of_its_message(written: Any) -> None:
    for message in written:
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        if any(ids):
            wanted = set().union(*map(placeholders, ids))
            for one in strings:
                assert placeholders(one) == wanted, ids[0]


def test_the_compiled_catalogue_is_the_written_one(tool: dict[str, Any], written: Any) -> None:
    assert tool["MO"].read_bytes() == tool["compiled"](written), "run `make messages`"


def test_every_error_has_parts_that_are_translated(checkout: Path, written: Any) -> None:
    found = []
    for package in PACKAGES:
        for path in sorted((checkout / package).rglob("*.py")):
            found += [f"{path}:{line}" for line in untranslated(path)]
    assert not found


def untranslated(path: Path) -> list[int]:
    """Lines that make an error of ours whose problem or fix, or whose only part, is a literal with words in it."""
    lines = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ERRORS:
            parts = [*node.args[len(node.args) > 1 :], *(one.value for one in node.keywords if one.arg != "place")]
            if any(isinstance(part, ast.BinOp | ast.JoinedStr | ast.Constant) and has_words(part) for part in parts):
                lines.append(node.lineno)
    return lines


def has_words(part: ast.AST) -> bool:
    literals = [one.value for one in ast.walk(part) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return bool(WORDS.search(" ".join(literals)))


def test_a_literal_in_an_error_is_found(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "raise UsageError(place, 'is not there', _('leave it out'))\n"
        "raise UsageError(f'{place}: is not there.')\n"
        "raise UsageError(f'{path}:{line}', _('is not there'), problem)\n"
        "raise UsageError(str(error))\n"
    )
    assert untranslated(path) == [1, 2]
