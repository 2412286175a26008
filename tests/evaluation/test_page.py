"""report.html as a browser's parser reads it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.data.schema import Example
from cnlu.evaluation.metrics import evaluate
from cnlu.evaluation.page.elements import Html, inner, tag, visible
from cnlu.evaluation.page.page import render
from cnlu.evaluation.page.sentences import marked
from cnlu.evaluation.report_data import ReportData
from cnlu.runtime.labels import Labels
from tests.evaluation.report_examples import SCRIPT, entity, many, report_data

VOID = {"meta", "input"}


class Page(HTMLParser):
    """Elements in order, the text, what marks hold; fails where elements do not nest."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.marks: list[str] = []
        self.text = ""
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)
        if tag == "mark":
            self.marks.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text += data
        if "mark" in self.open:
            self.marks[-1] += data


def page(one: ReportData) -> Page:
    return Page(render(one).decode("utf-8"))


@given(st.text())
def test_any_text_stays_text_in_an_element_and_in_an_attribute(text: str) -> None:
    read = Page(tag("p", text, title=text))
    assert read.tags == ["p"]
    assert (read.text, read.attributes) == (visible(text), [("title", visible(text))])
    assert len(visible(text)) == len(text)


@given(st.text(st.characters(categories=["Cc", "Cf", "Cs", "Lo", "So"])))
def test_any_text_can_be_written_and_bidirectional_controls_have_no_effect(text: str) -> None:
    shown = visible(text).encode().decode()
    assert not set(shown) & set("\x00\x1b\r\u202e\u2066")


def test_only_elements_are_html() -> None:
    assert inner(tag("b", "x"), "<i>", [Html("<hr>"), None]) == "<b>x</b>&lt;i&gt;<hr>"


@given(
    st.text(st.characters(categories=["Lo", "So", "Po", "Zs"]), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 11), st.integers(1, 12)), max_size=4),
)
def test_highlights_cover_exactly_their_spans_despite_overlaps(text: str, places: list[tuple[int, int]]) -> None:
    spans = {(start, end, "x", None, None) for start, end in places if start < end <= len(text)}
    read = Page(marked(text, spans, {"x": 0}))
    assert sorted(read.marks) == sorted(visible(text[span[0] : span[1]]) for span in spans)
    assert read.text.startswith(visible(text))


def test_astral_characters_count_as_one() -> None:
    read = Page(marked("😀👨‍👩‍👧去北京", [(7, 9, "city", None, None)], {}))
    assert read.marks == ["北京"]


def test_texts_and_labels_that_look_like_html_are_text() -> None:
    odd = "</style></script><img src=x onerror=alert(1)>"
    text = Example(SCRIPT, SCRIPT, (entity(0, 8, SCRIPT, SCRIPT),), source=SCRIPT)
    one = report_data([text], [(odd, 0.95, [entity(0, 4, odd)])], Labels(["a"], ["b"], {}, {}))
    read = page(one)
    assert read.tags.count("script") == 1 and "img" not in read.tags
    assert SCRIPT in read.text and odd in read.text


def test_nothing_is_fetched_and_only_the_pages_own_script_may_run() -> None:
    source = render(many(20)).decode()
    read = Page(source)
    assert not {"link", "img", "iframe"} & set(read.tags)
    assert not [value for key, value in read.attributes if key in ("src", "style") or key.startswith("on")]
    assert not re.search(r"https?://", source)
    policy = next(value for key, value in read.attributes if key == "content" and value and "default-src" in value)
    assert "default-src 'none'" in policy and "unsafe" not in policy


def test_every_error_is_there_with_both_sides() -> None:
    one = many(30)
    read = page(one)
    assert all(f"的票{i}" in read.text for i in one.wrong)
    assert read.text.count("annotated 意图") >= len(one.wrong)
    assert "test.yml:7" in read.text


def test_the_same_data_gives_the_same_page() -> None:
    assert render(many(12)) == render(many(12))


@pytest.mark.parametrize("intents", [5, 64])
def test_the_matrix_has_a_row_for_every_confused_intent(intents: int) -> None:
    source = render(many(400, intents)).decode()
    matrix = source[source.index('<table class="matrix') : source.index("Confidence</h3>")]
    assert matrix.count('scope="row"') == intents
    assert ('class="matrix dense"' in matrix) == (intents == 64)


def test_a_large_matrix_leaves_out_intents_without_confusions() -> None:
    texts = [Example(f"好{i}", f"i{i % 30}") for i in range(90)]
    answers = [("i1" if i == 0 else f"i{i % 30}", 0.9, []) for i in range(90)]
    assert "28 more intents without confusions are left out" in page(report_data(texts, answers)).text


def test_without_intents_and_without_entities() -> None:
    only_entities = page(report_data([Example("去北京", None, (entity(1, 3, "city"),))], [(None, 0.0, [])]))
    assert "There are no figures for intents" in only_entities.text and "Confidence" not in only_entities.text
    assert "Annotated intent" not in only_entities.text
    only_intents = page(report_data([Example("好", "yes")], [("no", 0.8, [])]))
    assert "There are no figures for entities" in only_intents.text and "entity type" not in only_intents.text
    assert page(report_data([], [])).text


def test_a_page_without_errors_says_so() -> None:
    read = page(report_data([Example("好", "yes")], [("yes", 0.9, [])]))
    assert "Every sentence was answered correctly" in read.text and "form" not in read.tags


def test_unseen_labels_are_shown_as_such() -> None:
    texts = [Example("好", "yes"), Example("坏", "new")]
    read = page(report_data(texts, [("yes", 0.9, []), ("yes", 0.9, [])], Labels(["yes"], [], {}, {})))
    assert "not in training" in read.text and "Did you mean another model" not in read.text


def test_a_model_with_entirely_different_labels_gets_a_warning() -> None:
    texts = [Example("去北京", "go", (entity(1, 3, "city"),))]
    read = page(report_data(texts, [("play", 0.9, [])], Labels(["play", "stop"], [], {}, {})))
    assert "None of the intents of these examples was in the model's training" in read.text
    assert "The model knows others, such as play, stop." in read.text
    assert "The model knows no entity types at all. Did you mean another model" in read.text


def test_a_missing_answer_has_its_own_column() -> None:
    read = page(report_data([Example("", "yes"), Example("好", "none")], [(None, 0.0, []), ("none", 0.9, [])]))
    assert "no intent" in read.text and "em" in read.tags


def test_combinations_of_intents_can_be_shown_and_chosen() -> None:
    examples = [Example("订票再查天气", "book+weather"), Example("订票", "book"), Example("天气", "weather")]
    results = [
        {
            "intent": {"name": name, "confidence": 0.9},
            "entities": [],
            "intents": [{"name": part, "confidence": 0.9} for part in name.split("+")],
        }
        for name in ("book", "book+weather", "weather")
    ]
    read = page(
        ReportData(subject="model on data", examples=examples, results=results, metrics=evaluate(examples, results))
    )
    filters = {value for name, value in read.attributes if name in ("data-gold", "data-answer")}
    assert "book+weather" in read.text and len(filters - {None}) >= 2
