"""Extracts the messages, updates the Chinese catalogue and compiles it; `make messages` calls it. Needs Babel.

New messages get an empty translation and removed ones go. tests/project/test_messages.py checks the result.
"""

from __future__ import annotations

import ast
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("cnlu", "pretrain/cnlu_pretrain", "dialogue/cnlu_dialogue")
FORMS = {"_": 1, "n_": 2}
"""Function: the number of message forms it takes (singular, plural)"""
PO = ROOT / "cnlu" / "locale" / "zh" / "LC_MESSAGES" / "cnlu.po"
MO = PO.with_suffix(".mo")


def extracted() -> Catalog:
    """The messages of all packages, each with the files that use it."""
    catalog = Catalog()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for message in messages_of(path):
                catalog.add(message, locations=[(path.relative_to(ROOT).as_posix(), 0)])
    return catalog


def messages_of(path: Path) -> Iterator[str | tuple[str, ...]]:
    """The literals in calls of `_` and `n_`. A name in place of a literal refers to one that is marked elsewhere.

    Raises ValueError for anything else, such as an f-string.
    """
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORMS:
            forms = node.args[: FORMS[node.func.id]]
            literals = tuple(one.value for one in forms if isinstance(one, ast.Constant))
            if len(literals) == FORMS[node.func.id]:
                yield literals if len(literals) > 1 else literals[0]
            elif not all(isinstance(one, ast.Name | ast.Attribute) for one in forms):
                raise ValueError(f"{path}:{node.lineno}: a message must be a literal")


def translated() -> Catalog:
    """The stored Chinese catalogue, or an empty one if there is none."""
    if not PO.exists():
        return Catalog(
            locale="zh",
            header_comment="# The messages of cnlu in Chinese.",
            project="cnlu",
            version="0.1",
            msgid_bugs_address="",
            last_translator="The cnlu authors",
            language_team="Chinese",
            fuzzy=False,
        )
    with PO.open("rb") as file:
        return read_po(file, locale="zh")


def compiled(catalog: Catalog) -> bytes:
    """The binary catalogue for gettext, without empty and fuzzy translations."""
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def main() -> int:
    """Write both files. Returns 1 if a translation is missing."""
    catalog = translated()
    catalog.update(extracted(), no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    PO.parent.mkdir(parents=True, exist_ok=True)
    with PO.open("wb") as file:
        write_po(file, catalog, width=120, sort_output=True, include_lineno=False, omit_header=False)
    MO.write_bytes(compiled(translated()))
    missing = [message.id for message in catalog if message.id and not is_translated(message.string)]
    print(f"{PO.relative_to(ROOT)}: {len(catalog)} messages, {len(missing)} without a translation")
    return 1 if missing else 0


def is_translated(string: str | tuple[str, ...]) -> bool:
    """Whether every form of a translation has text."""
    return bool(string) and (isinstance(string, str) or all(string))


if __name__ == "__main__":
    sys.exit(main())
