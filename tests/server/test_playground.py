"""The playground in a real browser: parse, correct and save; the file is valid and has the correction."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cnlu.data.load import load_data
from cnlu.data.schema import Entity
from cnlu.server import pages
from tests.server.running import Server

playwright = pytest.importorskip("playwright.sync_api", reason="the browser test needs the extra cnlu[dev]")

SENTENCE = "😀后天从杭州到北京的高铁<b>还有票没"


@pytest.fixture(params=[(1280, 900), (390, 844)], ids=["desktop", "phone"])
def page(browser: Any, server: Server, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The playground with a parsed sentence; fails for anything the browser complains about."""
    width, height = request.param
    opened = browser.new_page(viewport={"width": width, "height": height})
    opened.set_default_timeout(120_000)
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda line: complaints.append(line.text) if _is_complaint(line) else None)
    opened.goto(server.url)
    ask(opened, SENTENCE)
    yield opened
    assert complaints == []
    opened.close()


def _is_complaint(line: Any) -> bool:
    """Whether a console message is a fault of the page: a refused save is not, it is the server's answer."""
    return line.type == "error" and "status of 4" not in line.text


def ask(page: Any, sentence: str) -> None:
    page.get_by_label("Sentence", exact=True).fill(sentence)
    with page.expect_response("**/parse"):
        page.keyboard.press("Enter")
    playwright.expect(page.locator("#span")).to_have_value(sentence)


def select(page: Any, part: str) -> None:
    """Select a part of the sentence with the keyboard alone."""
    before = SENTENCE.partition(part)[0]
    page.get_by_label("Sentence (select a part of it)").focus()
    page.keyboard.press("Control+Home")
    for _ in before:
        page.keyboard.press("ArrowRight")
    for _ in part:
        page.keyboard.press("Shift+ArrowRight")


def test_the_ranking_and_the_marks_show_the_servers_result(page: Any, server: Server) -> None:
    found = server.client.post("/parse", json={"text": SENTENCE}).json()
    assert page.locator("#ranking .name").all_inner_texts() == [one["name"] for one in found["intent_ranking"]]
    assert page.locator("#marked").inner_text() == SENTENCE  # <b> as text, not as a tag
    marks = [SENTENCE[one["start"] : one["end"]] for one in found["entities"]]
    assert page.locator("#marked mark").all_inner_texts() == marks
    assert marks, "the model should find an entity here, or this test checks nothing"


def test_the_page_does_not_overflow(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_correction_by_keyboard_ends_in_the_file(page: Any, annotated: Path, request: Any) -> None:
    annotated.unlink(missing_ok=True)
    while (remove := page.get_by_role("button", name="Remove")).count():
        remove.first.click()
    select(page, "😀")
    page.get_by_label("Type").fill("mood")
    page.keyboard.press("Enter")
    select(page, "北京")
    page.get_by_label("Type").fill("place")
    page.get_by_label("Role").fill("to")
    page.get_by_role("button", name="Add entity").click()
    page.get_by_label("Intent", exact=True).fill("my_new_intent")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for()
    (saved,) = load_data(annotated).examples
    assert (saved.text, saved.intent) == (SENTENCE, "my_new_intent")
    assert saved.entities == (Entity(0, 1, "mood", "😀"), Entity(7, 9, "place", "北京", role="to"))


def test_the_sentence_to_select_from_cannot_be_changed(page: Any) -> None:
    page.get_by_label("Sentence (select a part of it)").press_sequentially("改x")
    assert page.get_by_label("Sentence (select a part of it)").input_value() == SENTENCE


def test_a_selection_by_mouse_counts_too(page: Any) -> None:
    page.get_by_label("Sentence (select a part of it)").dblclick(position={"x": 60, "y": 18})
    assert page.locator("#selected").inner_text() != "nothing"


def test_a_sentence_that_cannot_be_saved_gets_a_message(page: Any, server: Server) -> None:
    ask(page, "看 [这](里)")
    page.get_by_label("Intent", exact=True).fill("greet")
    page.get_by_role("button", name="Add entity").click()
    assert "Select a part" in page.locator("#correct-problem").inner_text()
    page.evaluate("document.getElementById('correct-problem').textContent = ''")
    with page.expect_response("**/annotate") as answer:
        page.get_by_role("button", name="Save").click()
    assert answer.value.status == 422
    playwright.expect(page.locator("#correct-problem")).to_contain_text("no escape")


def tables() -> dict[str, set[str]]:
    """The keys of the page's messages, by language."""
    script = (pages.FOLDER / "app.js").read_text("utf-8")
    found = re.findall(r"^  (\w+): \{\n(.*?)^  \},", script, re.MULTILINE | re.DOTALL)
    return {language: set(re.findall(r"^    (\w+): \"", body, re.MULTILINE)) for language, body in found}


def test_both_languages_have_the_same_messages_and_the_page_uses_no_others() -> None:
    english, chinese = tables()["en"], tables()["zh"]
    assert english == chinese
    script, page = ((pages.FOLDER / name).read_text("utf-8") for name in ("app.js", "index.html"))
    used = set(re.findall(r'data-text="(\w+)"', page)) | set(re.findall(r'\bt\("(\w+)"', script))
    used |= {"saved", "alreadySaved"}  # chosen by the server's response
    assert used == english


def test_the_page_has_the_language_that_the_server_was_started_with() -> None:
    assert '<html lang="zh" data-lang="zh">' in pages.playground_page("zh")
    assert '<html lang="en">' in pages.playground_page(None)


def test_the_address_or_the_browser_selects_chinese(browser: Any, tiny_model: Path, serve: Any, tmp_path: Path) -> None:
    server = serve(tiny_model, "--annotate", tmp_path / "corrections.yml", CNLU_LANG="")
    for locale, query in (("en-US", "?lang=zh"), ("zh-CN", "")):
        page = browser.new_page(locale=locale)
        page.set_default_timeout(120_000)
        page.goto(f"{server.url}/{query}")
        page.get_by_label("句子", exact=True).fill(SENTENCE)
        page.get_by_role("button", name="解析").click()
        playwright.expect(page.locator("#entities-title")).to_have_text("实体")
        playwright.expect(page.get_by_role("button", name="保存")).to_be_visible()
        assert page.evaluate("document.documentElement.lang") == "zh-CN"
        page.close()


def test_the_server_chooses_the_page_s_language(browser: Any, tiny_model: Path, serve: Any) -> None:
    started = serve(tiny_model, CNLU_LANG="zh_CN.UTF-8")
    page = browser.new_page(locale="en-US")
    page.set_default_timeout(120_000)
    page.goto(started.url)
    playwright.expect(page.locator("#parse")).to_have_text("解析")
    page.goto(f"{started.url}/?lang=en")
    playwright.expect(page.locator("#parse")).to_have_text("Parse")
    page.close()


SEND = """async (path) => {
  const body = JSON.stringify({ text: "别人的网页写的", intent: "greet" });
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  return answer.status;
}"""


def test_a_page_under_a_rebound_name_can_neither_save_nor_parse(browser: Any, server: Server, annotated: Path) -> None:
    site = f"http://evil.test:{server.port}"
    attacker = browser.new_page()
    attacker.route(site + "/", lambda route: route.fulfill(body="<h1>hello</h1>", content_type="text/html"))
    attacker.goto(site)  # from its own machine; from now on the name resolves to this one
    assert [attacker.evaluate(SEND, path) for path in ("/annotate", "/parse")] == [421, 421]
    assert attacker.evaluate("fetch('/labels').then(answer => answer.status)") == 421
    attacker.close()
    assert not annotated.exists() or "别人的网页写的" not in annotated.read_text("utf-8")


def test_a_form_of_another_site_sends_nothing(browser: Any, server: Server) -> None:
    other_page = browser.new_page()
    other_page.route("http://other.test/", lambda route: route.fulfill(body="<form>", content_type="text/html"))
    other_page.goto("http://other.test/")
    form = f"""() => {{
      const form = document.querySelector("form");
      Object.assign(form, {{ method: "post", enctype: "text/plain", action: "{server.url}/parse" }});
      form.innerHTML = '<textarea name="{{&quot;text&quot;: &quot;a">"}}</textarea>';
      form.submit();
    }}"""
    with other_page.expect_response("**/parse") as answer:
        other_page.evaluate(form)
    assert answer.value.status == 421
    other_page.close()
