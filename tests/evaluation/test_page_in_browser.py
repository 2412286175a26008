"""The report in a real browser: sorting, filtering, without scripts, narrow and wide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cnlu.evaluation.page.page import render
from tests.evaluation.report_examples import SCRIPT, many

WRONG = 1000
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a report with a thousand errors and 64 intents."""
    one = many(WRONG)
    assert len(one.wrong) == WRONG
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_bytes(render(one))
    return path.as_uri()


@pytest.fixture(params=list(SIZES))
def page(browser: Any, report: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Fails for anything the browser complains about, and for anything it wants to fetch."""
    width, height = SIZES[request.param]
    opened = browser.new_page(viewport={"width": width, "height": height})
    opened.set_default_timeout(120_000)
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda line: complaints.append(line.text))
    opened.on("request", lambda asked: complaints.append(asked.url) if asked.url != report else None)
    opened.goto(report)
    yield opened
    assert complaints == []
    opened.close()


def shown(page: Any) -> int:
    return page.locator("#errors > li:not([hidden])").count()


def test_the_page_does_not_overflow(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_texts_are_texts_and_their_marks_are_right(page: Any) -> None:
    first = page.locator("#errors > li").first
    assert SCRIPT in first.locator(".text").first.text_content()
    assert first.locator("mark").all_text_contents()[:2] == ["后天", "北京"]
    assert page.title() != "broken"


def test_filters_narrow_the_list_and_can_be_removed(page: Any) -> None:
    page.get_by_label("Kind").select_option(label="entity with other boundaries")
    assert shown(page) == WRONG // 5
    page.get_by_label("Annotated intent").select_option(label="意图_01")
    some = shown(page)
    assert 0 < some < WRONG // 5
    assert page.locator("#shown").inner_text() == f"{some} of {WRONG} shown"
    page.get_by_label("Text contains").fill("绝对没有")
    assert shown(page) == 0
    page.get_by_role("button", name="Show all").click()
    page.wait_for_function(f"document.querySelectorAll('#errors > li:not([hidden])').length === {WRONG}")


def test_text_is_found_across_the_edge_of_a_mark(page: Any) -> None:
    page.get_by_label("Text contains").fill("去北京的票77")
    assert shown(page) == 11  # 77 and 770 to 779


def test_a_cell_of_the_matrix_shows_its_errors(page: Any) -> None:
    cell = page.locator("td[data-gold]").first
    cell.focus()
    page.keyboard.press("Enter")
    assert shown(page) == int(cell.inner_text())


def test_an_advice_shows_its_errors(page: Any) -> None:
    page.get_by_role("button", name="Show these errors").last.click()
    assert 0 < shown(page) < WRONG


def test_a_table_sorts_by_any_column_and_back(page: Any) -> None:
    table = page.locator("table.sortable").first
    names = table.locator("tbody th")
    before = names.all_inner_texts()
    table.get_by_role("button", name="intent").click()
    assert names.all_inner_texts() == sorted(before)
    recall = [row.split("\t")[2] for row in table.locator("tbody tr").all_inner_texts()]
    table.get_by_role("button", name="recall").click()
    after = [float(row.split("\t")[2].rstrip("%")) for row in table.locator("tbody tr").all_inner_texts()]
    assert after == sorted((float(one.rstrip("%")) for one in recall), reverse=True)
    table.get_by_role("button", name="F1").click()
    table.get_by_role("button", name="F1").click()
    assert table.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"


def test_the_page_is_readable_without_its_script(browser: Any, report: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(report)
    assert opened.locator("#errors > li").count() == WRONG
    assert opened.locator("table.labels").first.is_visible() and opened.locator("#errors > li").last.is_visible()
    assert not opened.locator("#filters").is_visible() and not opened.locator("button.show").first.is_visible()
    context.close()
