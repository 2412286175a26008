"""The unlabelled text of the railway domain is as its README says."""

from __future__ import annotations

from pathlib import Path

from cnlu.data.load import load_data

RAILWAY = Path(__file__).resolve().parents[2] / "corpora" / "railway"


def lines() -> list[str]:
    return [line for path in sorted((RAILWAY / "text").glob("*.txt")) for line in path.read_text("utf-8").split("\n")]


def test_there_are_more_than_3000_different_lines() -> None:
    sentences = [line for line in lines() if line]
    assert len(sentences) >= 3000
    assert len(set(sentences)) == len(sentences)


def test_the_text_has_no_sentence_of_the_examples() -> None:
    parts = ("train", "test", "multi-intent")
    examples = {example.text for part in parts for example in load_data(RAILWAY / part).examples}
    shared = {line for line in lines() if line in examples and len(line) > 6}
    assert not shared


def test_documents_have_several_lines() -> None:
    for path in (RAILWAY / "text").glob("*.txt"):
        documents = path.read_text("utf-8").strip("\n").split("\n\n")
        assert all(4 <= len(document.split("\n")) <= 26 for document in documents), path
        assert all(line == line.strip() for line in path.read_text("utf-8").split("\n")), path
