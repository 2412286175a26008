"""The Chinese pages of docs/zh say what the English pages of docs say: the same sections, code and tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.project.documents import BLOCK, COMMENT, DOCS, ROOT

PAGES = ("first-bot", "writing-examples", "user-guide", "encoders", "pretraining", "rasa", "server", "troubleshooting")
COMMENTED = ("bash", "python", "yaml")
"""Languages of blocks whose comments may be translated; blocks of other languages are the same to the byte."""
each_page = pytest.mark.parametrize("page", PAGES)


def pair(page: str) -> tuple[Path, Path]:
    """The English and the Chinese page of a name."""
    return ROOT / "docs" / f"{page}.md", ROOT / "docs" / "zh" / f"{page}.md"


def sections(path: Path) -> list[tuple[int, int]]:
    """For each heading its level and the number of table rows below it; level 0 is what precedes the first."""
    found = [(0, 0)]
    for line in BLOCK.sub("", path.read_text("utf-8")).splitlines():
        if heading := re.match(r"#+(?= )", line):
            found.append((len(heading[0]), 0))
        elif line.startswith("|"):
            found[-1] = (found[-1][0], found[-1][1] + 1)
    return found


def code(path: Path) -> list[tuple[str, str]]:
    """The code blocks of all languages, without the comments that may be translated."""
    return [
        (language, " ".join(COMMENT.sub("", body).split()) if language in COMMENTED else body)
        for language, body in BLOCK.findall(path.read_text("utf-8"))
    ]


def first_lines(path: Path) -> list[str]:
    """The title and the line under it."""
    return [line for line in path.read_text("utf-8").splitlines() if line][:2]


def test_sections_and_code_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n\n## B\n\n| a |\n|---|\n\n```bash\n# c\nls  # d\n```\n\n```text\n# e\n```\n", "utf-8")
    assert sections(page) == [(0, 0), (1, 0), (2, 2)]
    assert code(page) == [("bash", "ls"), ("text", "# e\n")]


@each_page
def test_headings_have_the_same_levels_in_the_same_order(page: str) -> None:
    english, chinese = ([level for level, _ in sections(path)] for path in pair(page))
    assert chinese == english


@each_page
def test_each_section_has_as_many_table_rows(page: str) -> None:
    english, chinese = (sections(path) for path in pair(page))
    assert chinese == english


@each_page
def test_both_pages_show_the_same_code(page: str) -> None:
    english, chinese = (code(path) for path in pair(page))
    assert chinese == english


@each_page
def test_each_page_links_to_the_other_under_its_title(page: str) -> None:
    english, chinese = (first_lines(path) for path in pair(page))
    assert english[1] == f"[中文](zh/{page}.md)"
    assert chinese[1] == f"[English](../{page}.md)"
    assert re.search(r"[\u4e00-\u9fff]", chinese[0])


def test_every_chinese_page_has_its_pair_and_is_tested_like_the_others() -> None:
    written = sorted((ROOT / "docs" / "zh").rglob("*.md"))
    assert written == sorted(chinese for _, chinese in map(pair, PAGES))
    assert not [path for path in written if path not in DOCS]
