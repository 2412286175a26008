"""docs/troubleshooting.md quotes messages of the program, and has a fix for every code of the check and the server."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from cnlu.check.findings import CODES
from tests.places import CHECKOUT

TEXT = (CHECKOUT / "docs" / "troubleshooting.md").read_text("utf-8")
CHINESE_TEXT = (CHECKOUT / "docs" / "zh" / "troubleshooting.md").read_text("utf-8")
PACKAGES = ("cnlu", "pretrain/cnlu_pretrain", "dialogue/cnlu_dialogue")
CODE_ROW = re.compile(r"\| `[a-z][a-z_0-9-]*` \|")
MIN_LITERAL = 12
"""Characters of a message without its placeholders, from which it can be recognised in a quote."""


def section(title: str) -> str:
    """The text below a heading of the page."""
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_code_of_the_check_has_its_fix_in_the_order_of_reports() -> None:
    assert re.findall(r"^\| `([\w-]+)` \|", section("Codes of cnlu check"), re.MULTILINE) == list(CODES)


def codes_of_the_server() -> set[str]:
    """The second argument of each `ApiError(status, code, message)`, and the codes that docs/server.md lists."""
    found = set()
    for path in (CHECKOUT / "cnlu" / "server").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ApiError" and len(node.args) > 1:
                code = node.args[1]
                found |= {code.value} if isinstance(code, ast.Constant) and isinstance(code.value, str) else set()
    server = (CHECKOUT / "docs" / "server.md").read_text("utf-8")
    for codes in re.findall(r"^\| [45]\d\d[^|]*\|([^|]*)\|", server, re.MULTILINE):
        found |= set(re.findall(r"`(\w+)`", codes))
    return found


def test_every_refusal_of_the_server_has_its_fix() -> None:
    explained = set(re.findall(r"^\| `(\w+)` \| [45]\d\d", section("The server"), re.MULTILINE))
    assert len(explained) > 15
    assert explained == codes_of_the_server()


def test_every_section_is_listed_and_every_row_is_complete() -> None:
    titles = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    assert re.findall(r"^\d+\. \[([^\]]+)\]", TEXT, re.MULTILINE) == titles
    rows = [line for line in TEXT.splitlines() if line.startswith("|")]
    assert not [row for row in rows if not all(cell.strip() for cell in row.strip("|").split("|"))]


def quotes(text: str) -> list[str]:
    """The code spans in the first column of the tables, without the rows about a code."""
    rows = [line for line in text.splitlines() if line.startswith("|") and not CODE_ROW.match(line)]
    return [quote for row in rows for quote in re.findall(r"`([^`]+)`", row.split("|")[1])]


@pytest.fixture(scope="module")
def literals() -> list[str]:
    """All string literals of the program."""
    return [literal for package in PACKAGES for literal in literals_of(package)]


def literals_of(package: str) -> Iterator[str]:
    for path in (CHECKOUT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def is_quoted(quote: str, literals: list[str]) -> bool:
    """Whether a literal has the parts of the quote around `…`, or is the quote with placeholders."""
    parts = [part.strip() for part in quote.split("…")]
    return any(all(part in literal for part in parts) for literal in literals) or any(
        re.search(pattern, quote) for pattern in patterns(literals)
    )


def patterns(literals: list[str]) -> Iterator[str]:
    for literal in literals:
        fixed = re.split(r"\{\w+\}", literal)
        if len(fixed) > 1 and len("".join(fixed)) >= MIN_LITERAL:
            yield ".+".join(map(re.escape, fixed))


def test_a_quote_is_recognised() -> None:
    literals = ["the file {name} is missing"]
    assert is_quoted("is missing", literals)
    assert is_quoted("the file … is missing", literals)
    assert is_quoted("the file x is missing", literals)
    assert not is_quoted("the file is lost", literals)


@pytest.mark.parametrize("text", [TEXT, CHINESE_TEXT], ids=["English", "Chinese"])
def test_the_program_has_every_message_that_the_page_quotes(text: str, literals: list[str]) -> None:
    assert len(quotes(text)) > 150
    assert not [quote for quote in quotes(text) if not is_quoted(quote, literals)]
