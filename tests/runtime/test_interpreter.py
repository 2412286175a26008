"""Parsing any text with a trained model."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import cnlu
from cnlu.data.load import load_data
from cnlu.errors import ModelError
from cnlu.features.synonyms import Synonyms
from cnlu.runtime.interpreter import Interpreter
from cnlu.text.view import view

PIECES = [
    "北京",
    "上海",
    "明天",
    "G12",
    "两张",
    "从",
    "去",
    "魔都",
    "ＧＯ",
    "½",
    "ﬁ",
    "　",
    " ",
    "\t",
    "\n",
    "\x00",
    "\x1b",
    "\ud83d",
    "\udc00",
    "😀",
    "👨‍👩‍👧",
    "\u202e",
    "é",
    "é",
    "ﷺ",
    "İ",
    "ß",
    "€",
    "𠮷",
]
ANY_TEXT = st.lists(st.sampled_from(PIECES) | st.text(st.characters(), max_size=4), max_size=14).map("".join)
SENTENCES = ["帮我买一张明天去上海的票", "从帝都到杭州的高铁多少钱", "你好", "G1234次还有票吗", "退票", "票"]


def close(one: Any, other: Any) -> bool:
    """Equal but for the last digits of numbers: a batch sums in another order."""
    if isinstance(one, float):
        return bool(one == pytest.approx(other, abs=1e-4))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(close, one, other))
    return bool(one == other)


def visible_part(text: str, start: int, end: int) -> str:
    """The characters of the span that the model reads."""
    visible = view(text)
    return "".join(ch for ch, at in zip(visible.text, visible.raw_indices, strict=True) if start <= at < end)


@given(ANY_TEXT)
@example("\ud800")
@example("\x00")
@example("😀😀")
@example("\u200b")
@example("0\u30000北京")  # an entity may end with a space
def test_any_text_gives_a_valid_result(tiny: Interpreter, text: str) -> None:
    result = tiny.parse(text)
    json.dumps(result).encode()
    assert result["text"] == text
    ranking = result["intent_ranking"]
    assert result["intent"] == (ranking[0] if ranking else {"name": None, "confidence": 0.0})
    chances = [label["confidence"] for label in ranking]
    assert chances == sorted(chances, reverse=True)
    assert not chances or sum(chances) == pytest.approx(1.0, abs=1e-5)
    assert 0.0 <= result["out_of_scope"] <= 1.0
    synonyms, reached = tiny.assembler.synonyms, 0
    for entity in result["entities"]:
        assert reached <= entity["start"] < entity["end"] <= len(text)
        reached = entity["end"]
        surface = visible_part(text, entity["start"], entity["end"])
        assert entity["value"] == synonyms.value(surface, entity["entity"])
        assert all(0.0 <= value <= 1.0 for key, value in entity.items() if key.startswith("confidence"))
        assert "role" not in entity or entity["role"] in tiny.labels.roles[entity["entity"]]
        assert "group" not in entity or entity["entity"] in tiny.labels.groups
    groups = [entity["group"] for entity in result["entities"] if "group" in entity]
    assert list(dict.fromkeys(groups)) == tiny.labels.counting[: len(set(groups))]


@pytest.mark.parametrize("text", ["", " ", "\t\r\n", "　\u2003", "\ufeff", " \u200b\x00"])
def test_nothing_to_read_has_no_intent_and_no_entities(tiny: Interpreter, text: str) -> None:
    result = tiny.parse(text)
    assert (result["text"], result["intent"]) == (text, {"name": None, "confidence": 0.0})
    assert result["intent_ranking"] == result["entities"] == []


@given(st.lists(ANY_TEXT | st.sampled_from(SENTENCES), max_size=6))
def test_parsing_together_is_parsing_each_alone(tiny: Interpreter, texts: list[str]) -> None:
    assert close(tiny.parse_batch(texts), [tiny.parse(text) for text in texts])


def test_a_large_batch_keeps_its_order(tiny: Interpreter) -> None:
    texts = [f"第{i}句{'很长' * (i % 90)}" for i in range(200)]
    assert [result["text"] for result in tiny.parse_batch(texts)] == texts


def test_a_long_text_is_read_to_its_end(tiny: Interpreter) -> None:
    text = "我想问问" * 1245 + "明天从上海到北京的高铁多少钱"
    text = text[-5000:]
    began = time.monotonic()
    found = {(entity["value"], entity.get("role")) for entity in tiny.parse(text)["entities"] if entity["start"] > 4980}
    assert time.monotonic() - began < 10
    assert {("上海", "from"), ("北京", "to")} <= found


def test_anything_but_text_is_refused(tiny: Interpreter) -> None:
    with pytest.raises(TypeError, match="str, not bytes"):
        tiny.parse(b"\xff")  # type: ignore[arg-type]


def test_synonyms_are_found_in_either_case(tiny: Interpreter) -> None:
    from dataclasses import replace

    assembler = replace(tiny.assembler, synonyms=Synonyms({"g1234": "复兴号"}, {}, tiny.extractor.normalizer))
    for text in ("坐G1234次去上海", "坐g1234次去上海"):
        (train,) = [e for e in replace(tiny, assembler=assembler).parse(text)["entities"] if e["entity"] == "train_no"]
        assert train["value"] == "复兴号"


def test_an_annotated_synonym_comes_out_of_the_model(tiny: Interpreter) -> None:
    values = {entity["value"] for entity in tiny.parse("从魔都到北京的高铁多少钱")["entities"]}
    assert "上海" in values


def test_threads_share_one_model(tiny_model: Path) -> None:
    """Loaded afresh, so that the dictionary's first use falls into the threads too."""
    shared, texts = cnlu.load(tiny_model), SENTENCES * 10
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(shared.parse, texts))
    assert together == [shared.parse(text) for text in texts]


def test_dictionary_hits_are_entities_only_where_dictionaries_are_extractors(tiny_model: Path) -> None:
    from dataclasses import replace

    hint = cnlu.load(tiny_model)
    features = replace(hint.config.features, lexicon="extractor")
    extractor = replace(hint, extractor=replace(hint.extractor, config=features))
    table, entries = next(iter(load_data(Path(__file__).parents[2] / "corpora/railway/train").lookups.items()))
    extra = []
    for entry in entries:
        text = f"嗯嗯{entry}嗯嗯"
        entities = extractor.parse(text)["entities"]
        assert [e for e in entities if e["extractor"] == "CnluClassifier"] == hint.parse(text)["entities"]
        extra += [(text, e) for e in entities if e["extractor"] != "CnluClassifier"]
    assert extra, "the tagger found every entry by itself"
    for text, entity in extra:
        assert entity["extractor"] in ("lookup", "regex") and 0.0 <= entity["confidence_entity"] <= 1.0
        assert entity["start"] >= 2 and entity["end"] <= len(text) - 2
    assert any(entity["entity"] == table and entity["confidence_entity"] < 0.9 for _, entity in extra)


def test_loading_and_parsing_never_import_the_training_packages(tiny_model: Path, tmp_path: Path) -> None:
    code = (
        "import sys, cnlu; cnlu.load(sys.argv[1]).parse('明天去上海');"
        "print(sorted({'torch', 'transformers', 'onnx', 'pandas', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny_model)],
        cwd=Path(cnlu.__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_jieba_dictionary_other_than_in_training_gets_a_warning(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cnlu.text.segment import Segmenter

    monkeypatch.setattr(Segmenter, "digest", "another")
    with pytest.warns(UserWarning, match="trained with another jieba dictionary"):
        cnlu.load(tiny_model)


def test_words_frequent_in_training_and_lookup_entries_count_as_seen(tiny: Interpreter) -> None:
    assert tiny.has_seen("北京", "place") and tiny.has_seen("", "place")
    assert not tiny.has_seen("龘靐齉", "place")
    rare = next(
        entry
        for names in tiny.extractor.lexicon._owners
        for name, entry in names
        if name == "place" and not tiny.has_seen(entry, "no table")
    )
    assert tiny.has_seen(rare, "place")


class Diverged:
    """A session one of whose outputs has lost its numbers."""

    def __init__(self, session: Any, output: int, value: float) -> None:
        self.session, self.output, self.value = session, output, value

    def run(self, names: Any, inputs: Any) -> list[Any]:
        found = self.session.run(names, inputs)
        found[self.output] = np.full_like(found[self.output], self.value)
        return found


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("output", range(4))
def test_scores_that_are_not_numbers_are_a_model_error(tiny: Interpreter, output: int, value: float) -> None:
    broken = dataclasses.replace(tiny, session=Diverged(tiny.session, output, value))
    with pytest.raises(ModelError, match="not finite"):
        broken.parse("明天去北京")
