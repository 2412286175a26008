"""Names are those of docs/glossary.md: retired words do not come back as names, in messages or in documents."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.places import CHECKOUT

ROOMS = ("cnlu", "pretrain", "dialogue", "benchmarks")
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class Retired(NamedTuple):
    """A word that names something the field has another word for."""

    words: str
    """The forms of the word, separated by spaces; `hand_on` matches these parts in a row."""
    instead: str
    allowed: tuple[str, ...] = ()
    """Globs of the files in which the word has its honest meaning."""
    within: tuple[str, ...] = ("*",)
    """Globs of the files in which the word is retired."""


RETIRED = (
    Retired(
        "marks",
        "special tokens",
        allowed=("cnlu/convert/*", "cnlu/evaluation/page/*", "cnlu/check/*", "cnlu/text/view.py"),  # byte order, HTML
    ),
    Retired("several", "multi-intent", allowed=("dialogue/cnlu_dialogue/actions/*", "benchmarks/groups*.py")),
    Retired("also", "multi-intent"),
    Retired("requests", "multi-intent", allowed=("cnlu/server/*", "dialogue/*", "benchmarks/server_load.py")),  # HTTP
    Retired("stranger strangers", "out-of-scope"),
    Retired("scope", "out-of-scope", allowed=("cnlu/server/*",)),  # ASGI's scope; out_of_scope is no hit
    Retired("even", "decision bias"),
    Retired("story stories", "metadata", allowed=("dialogue/*",)),  # Rasa's stories
    Retired("wish wishes", "options"),
    Retired("say says", "log", allowed=("cnlu/convert/dialogflow.py",)),  # files *_usersays_*.json
    Retired("tell told", "log"),
    Retired("lot lots", "rng"),
    Retired("fate fates", "mask action"),
    Retired("yardstick", "reference masking"),
    Retired("deaf hearing heard", "with or without encoder"),
    Retired("ancestor ancestors heir heirs hand_on", "warm start"),
    Retired("tutor tutors lesson lessons", "teacher, distillation targets"),
    Retired("wanted", "distillation targets", within=("cnlu/training/*", "cnlu/model/*")),
    Retired("settle settled settles", "refit", allowed=("dialogue/cnlu_dialogue/actions/store.py",)),  # pays an order
    Retired("grow grown grows growing", "continue training"),
    Retired("joining", "fused ensemble, multi-intent synthesis", allowed=("cnlu/text/segment.py",)),
    Retired("divide", "split"),
    Retired("swap swaps swapped", "replace, value substitution", allowed=("pretrain/cnlu_pretrain/batching/rows.py",)),
    Retired("constants", "initializers"),
    Retired("trial trials", "validate"),
    Retired("alike", "near duplicates"),
    Retired("bare", "missing annotations", allowed=("dialogue/cnlu_dialogue/values/*", "benchmarks/*")),
    Retired("study studies", "report data"),
    Retired("unfold unfolded", "network weights"),
    Retired("wording", "synonym replacement", allowed=("benchmarks/groups*.py",)),
    Retired("body bodies", "backbone", within=("cnlu/encoder/*", "cnlu/model/*", "cnlu/training/*", "pretrain/*")),
    Retired("mend mends mended", "fix"),
    Retired("course", "progress"),
    Retired(
        "gather gathered",
        "dataset",
        allowed=("cnlu/runtime/*operators.py", "benchmarks/jointbert.py"),  # the operator of ONNX and PyTorch
    ),
    Retired("stored", "trained model", within=("cnlu/*",)),
    Retired("met knowing", "seen"),
    Retired("everyone", "all members"),
)

CLASSES = {
    "Read": "the thing that was read, such as EncoderOutput",
    "Reader": "what it reads",
    "Marks": "SpecialTokens",
}
"""Retired class names, where the word itself is an honest part of other names."""

TEXT = {
    "mend": "fix",
    "mends": "fixes",
    "mended": "fixed",
    "yardstick": "reference masking",
    "stranger": "out-of-scope sentence",
    "strangers": "out-of-scope sentences",
    "heir": "warm start",
    "heirs": "warm start",
    "ancestor": "the model given by --from",
    "tutor": "teacher",
    "tutors": "teachers",
    "deaf": "without encoder",
    "hand_on": "warm start",
}
"""Words that no docstring, message or document needs in any meaning."""


class Use(NamedTuple):
    file: str
    name: str
    is_class: bool = False


@cache
def trees() -> list[tuple[str, ast.Module]]:
    files = sorted(path for room in ROOMS for path in (CHECKOUT / room).rglob("*.py"))
    return [(path.relative_to(CHECKOUT).as_posix(), ast.parse(path.read_text("utf-8"))) for path in files]


def defined(node: ast.AST) -> Iterator[tuple[str, bool]]:
    """The name that a node gives to something, settings included, and whether it is a class."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name, isinstance(node, ast.ClassDef)
    elif isinstance(node, ast.arg):
        yield node.arg, False
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id, False
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.attr, False
    elif isinstance(node, ast.alias) and node.asname:
        yield node.asname, False


@cache
def uses() -> frozenset[Use]:
    """Every name that the packages define, the parts of their files' paths included."""
    found = {Use(file, name, kind) for file, tree in trees() for node in ast.walk(tree) for name, kind in defined(node)}
    return frozenset(found | {Use(file, part) for file, _ in trees() for part in Path(file).with_suffix("").parts})


def parts(name: str) -> list[str]:
    """snake_case and CamelCase apart, in small letters; `out_of_scope` and `in_scope` are one word each."""
    whole = re.sub(r"(out_?of|in)_?scope", "oos", name, flags=re.IGNORECASE)
    return [part.lower() for piece in whole.split("_") for part in PART.findall(piece)]


def holds(name: str, word: str) -> bool:
    found, looked_for = parts(name), word.split("_")
    return any(found[i : i + len(looked_for)] == looked_for for i in range(len(found)))


def retired_uses(retired: Retired, word: str) -> list[str]:
    return sorted(
        f"{use.file}: {use.name}"
        for use in uses()
        if any(fnmatch(use.file, glob) for glob in retired.within)
        and not any(fnmatch(use.file, glob) for glob in retired.allowed)
        and holds(use.name, word)
    )


@pytest.mark.parametrize(
    ("name", "word", "found"),
    [
        ("_swap_values", "swap", True),
        ("SwapValues", "swap", True),
        ("swapfile", "swap", False),
        ("out_of_scope_intent", "scope", False),
        ("OutOfScope", "scope", False),
        ("asgi_scope", "scope", True),
        ("_hand_on_weights", "hand_on", True),
        ("hand_written", "hand_on", False),
    ],
)
def test_the_search_finds_words_in_names(name: str, word: str, found: bool) -> None:
    assert holds(name, word) is found


@pytest.mark.parametrize(
    ("retired", "word"),
    [(one, word) for one in RETIRED for word in one.words.split()],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_name_holds_a_retired_word(retired: Retired, word: str) -> None:
    found = retired_uses(retired, word)
    assert not found, f"the field's word is {retired.instead}; see docs/glossary.md"


@pytest.mark.parametrize("name", CLASSES)
def test_no_class_has_a_retired_name(name: str) -> None:
    found = sorted(use.file for use in uses() if use.is_class and use.name.lstrip("_") == name)
    found = [file for file in found if not file.startswith("benchmarks/")]
    assert not found, f"name {CLASSES[name]}"


@cache
def texts() -> list[tuple[str, str]]:
    """Docstrings, messages and other strings of the code, and the documents, each with its place."""
    found = [
        (f"{file}:{node.lineno}", node.value)
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    documents = [CHECKOUT / "README.md", CHECKOUT / "CHANGELOG.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
    documents += sorted((CHECKOUT / "configs").glob("*.yaml"))
    return found + [(path.relative_to(CHECKOUT).as_posix(), path.read_text("utf-8")) for path in documents]


@pytest.mark.parametrize("word", TEXT)
def test_no_text_has_a_retired_word(word: str) -> None:
    pattern = re.compile(rf"(?<!frame-)\b{word.replace('_', ' ')}\b", re.IGNORECASE)
    found = [place for place, text in texts() if pattern.search(text)]
    assert not found, f"write: {TEXT[word]}"


def test_the_glossary_has_the_word_that_replaces_each() -> None:
    glossary = (CHECKOUT / "docs" / "glossary.md").read_text("utf-8").lower()
    terms = ["special tokens", "multi-intent", "out-of-scope", "decision bias", "metadata", "mask action"]
    terms += ["reference masking", "warm start", "distillation targets", "refit", "fused ensemble", "split"]
    terms += ["value substitution", "missing annotation", "near duplicate", "backbone", "continued training"]
    assert not [term for term in terms if f"| {term}" not in glossary and f", {term} |" not in glossary]


def test_every_term_of_the_glossary_is_explained_once() -> None:
    text = (CHECKOUT / "docs" / "glossary.md").read_text("utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in row] for row in rows if row[0].strip() != "English"]
    assert len(rows) > 80
    assert all(len(row) == 3 and all(row) for row in rows)
    assert all(re.search(r"[\u4e00-\u9fff]", row[1]) for row in rows)
    terms = [row[0].lower() for row in rows]
    assert len(terms) == len(set(terms))
