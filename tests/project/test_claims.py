"""Figures that the documents state about the code are the code's own."""

from __future__ import annotations

import re
from math import erf, sqrt
from pathlib import Path

import pytest

from cnlu.config import Config
from cnlu.data.limits import LONGEST_TEXT
from cnlu.io.limits import LARGEST_FILE, LONGEST_LINE
from cnlu.runtime import out_of_scope

CONFIG = Config()
NUMBERS = {"a tenth": 0.1, "A tenth": 0.1, "a quarter": 0.25, "ten": 10}


def percent_beyond(edge: float) -> int:
    """The share of a normal distribution below `-edge` standard deviations, as the documents round it."""
    return round(50 * (1 - erf(edge / sqrt(2))))


CLAIMS = [
    ("docs/user-guide.md", r"Training holds out (a tenth) of the examples", CONFIG.training.dev_fraction),
    ("docs/user-guide.md", r"Fewer than (\d+) dev sentences \(`training.min_dev`\)", CONFIG.training.min_dev),
    ("docs/user-guide.md", r"Then (a quarter) as many epochs \(`training.refit`\)", CONFIG.training.refit),
    (
        "docs/user-guide.md",
        r"runs (a quarter) of the epochs\*\* \(`training.continue_share`\)",
        CONFIG.training.continue_share,
    ),
    ("docs/user-guide.md", r"Up to (\d+) examples about \d+ %", out_of_scope.SMALL),
    ("docs/user-guide.md", r"Up to \d+ examples about (\d+) %", percent_beyond(out_of_scope.EDGE_SMALL)),
    ("docs/user-guide.md", r"above 0.5, from (\d+) examples on", out_of_scope.LARGE),
    ("docs/user-guide.md", r"examples on about (\d+) %", percent_beyond(out_of_scope.EDGE_LARGE)),
    ("docs/troubleshooting.md", r"limits are (\d+) MB a file", LARGEST_FILE >> 20),
    ("docs/troubleshooting.md", r"MB a file and ([\d,]+) characters a line", LONGEST_LINE),
    ("docs/troubleshooting.md", r"A text has at most ([\d,]+) characters", LONGEST_TEXT),
    ("docs/writing-examples.md", r"\| `check.show` \| (\d+) \|", CONFIG.check.show),
    ("docs/writing-examples.md", r"\| `check.imbalance` \| (\d+) \|", CONFIG.check.imbalance),
    ("docs/writing-examples.md", r"\| `check.near_length` \| (\d+) \|", CONFIG.check.near_length),
]


@pytest.mark.parametrize(("document", "pattern", "value"), CLAIMS, ids=[claim[1][:40] for claim in CLAIMS])
def test_a_figure_of_the_documents_is_the_codes(checkout: Path, document: str, pattern: str, value: float) -> None:
    text = " ".join((checkout / document).read_text("utf-8").split())
    (found,) = re.findall(pattern, text)
    assert (NUMBERS[found] if found in NUMBERS else float(found.replace(",", ""))) == value


def test_the_out_of_scope_score_is_one_minus_confidence_only_where_nothing_was_held_out(checkout: Path) -> None:
    pages = [checkout / "README.md", *sorted((checkout / "docs").glob("*.md"))]
    pages = [page for page in pages if page.name != "experiments.md"]
    messages = [
        line
        for page in pages
        for line in page.read_text("utf-8").split("\n\n")
        if re.search(r"\b(1|one) minus\b", line)
    ]
    assert len(messages) == 1
    assert "`training.dev_fraction: 0`" in messages[0]


def test_finetuning_in_rasa_continues_the_model_as_the_documents_say(checkout: Path) -> None:
    component = (checkout / "dialogue" / "cnlu_dialogue" / "rasa" / "component.py").read_text("utf-8")
    assert "is_finetuning" in component
    assert "`rasa train --finetune` does the same" in (checkout / "docs" / "user-guide.md").read_text("utf-8")
    assert "`rasa train --finetune` start from the model" in (checkout / "docs" / "architecture.md").read_text("utf-8")
