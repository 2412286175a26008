"""docs/troubleshooting.md has a fix for every code of the check and every refusal of the server."""

from __future__ import annotations

import ast
import re

from cnlu.check.findings import CODES
from tests.places import CHECKOUT

TEXT = (CHECKOUT / "docs" / "troubleshooting.md").read_text("utf-8")


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
