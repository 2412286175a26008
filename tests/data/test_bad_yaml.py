"""YAML that cannot be read gives one sentence with file, line and fix; nothing is built or run."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnlu.data.load import load_data
from cnlu.errors import DataError

GOOD = "nlu:\n- intent: a\n  examples: |\n    - x\n"
BOMB = "a: &a [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1 or ''}, *a{i - 1 or ''}]\n" for i in range(1, 40))


def refusal(folder: Path, written: str | bytes) -> str:
    file = folder / "nlu.yml"
    file.write_bytes(written if isinstance(written, bytes) else written.encode("utf-8", "surrogatepass"))
    with pytest.raises(DataError) as caught:
        load_data([file])
    message = str(caught.value)
    assert message.startswith(f"{file}") and message.endswith(".") and "\n" not in message
    return message.removeprefix(str(file))


@pytest.mark.parametrize(
    ("written", "line", "expected"),
    [
        (GOOD + GOOD, 5, "“nlu” is already on line 1"),
        (
            "nlu:\n- intent: a\n  examples: |\n    - x\n  examples: |\n    - y\n",
            5,
            "“examples” is already on line 3",
        ),
        (
            "nlu:\n- intent: a\n  metadata: {b: 1, b: 2}\n  examples: |\n    - x\n",
            3,
            "“b” is already on line 3",
        ),
        ("nlu:\n\t- intent: a\n", 2, "a tab"),
        ("nlu:\n- intent: a\n\texamples: |\n", 3, "a tab"),
        ("nlu:\n- intent: a\n  examples: |\n    - x\n\t- y\n", 5, "a tab"),
        (GOOD + "    - a\0b\n", 5, "U+0000; remove it, or keep this example in a JSONL file"),
        (GOOD + "    - a\x07b\n", 5, "U+0007; remove it, or keep this example in a JSONL file"),
        (GOOD + "    - a\u2028b\n", 5, "U+2028"),
        (GOOD + "    - a\x85    - b\n", 5, "U+0085"),
        (GOOD + "---\n" + GOOD, 5, "second YAML document"),
        ("nlu: &x [*x]\n", 1, "an alias"),
        (BOMB + "nlu:\n- intent: a\n  metadata: *a39\n  examples: |\n    - x\n", 43, "an alias"),
        (BOMB + "nlu: *a39\n", 41, "must hold a list"),
        ("nlu: " + "[" * 100_000, 1, "nests deeper"),
        ("nlu:\n- intent: a: b\n", 2, "not valid YAML"),
        ("nlu:\n  intent: a\n  examples: |\n    - x\n", 2, "must hold a list"),
        ("nlu:\n- hello\n", 2, "must be a mapping"),
        ("nlu:\n- intent:\n  examples: |\n    - x\n", 2, "no name"),
        ("nlu:\n- intent: [a]\n  examples: |\n    - x\n", 2, "must be text"),
        ("nlu:\n- intent: a\n  examples:\n  - 你好\n", 4, "examples: |"),
        ("nlu:\n- intent: a\n  examples:\n  - metadata: 1\n", 4, "no `text`"),
        ("nlu:\n- intent: a\n  examples: {x: y}\n", 3, "must be a block of text"),
        ("nlu:\n- synonym: a\n  examples:\n  - x\n", 4, "must be a block of text"),
        ("nlu:\n- lookup: a\n  examples: none.txt\n", 3, "none.txt, which does not exist"),
        ("nlu:\n- intent: a\n  examples: |\n    - ok\n    - [x]{entity: b}\n", 5, "not valid JSON"),
        ("nlu:\n- intent: a\n  examples:\n  - text: |\n      [x]{1}\n", 5, "not valid JSON"),
    ],
)
def test_an_error_names_the_line_and_the_problem(tmp_path: Path, written: str, line: int, expected: str) -> None:
    message = refusal(tmp_path, written)
    assert message.startswith(f":{line}: ") and expected in message


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.mkdir", "!!python/name:os.system", "!own", "!!binary"])
def test_a_tag_that_asks_for_an_object_is_refused_and_builds_nothing(tmp_path: Path, tag: str) -> None:
    created = tmp_path / "created"
    assert "asks for an object" in refusal(tmp_path, GOOD + f"x: {tag} ['{created}']\n")
    assert not created.exists()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b"nlu:\n- intent: \xb1\xb1\n", ":2: byte 15 (0xB1) is not valid UTF-8"),
        (b"\xef\xbb\xbfnlu:\n- \xff\n", ":2: byte 10 (0xFF) is not valid UTF-8"),
        (GOOD.encode("utf-16"), ":1: byte 0 (0xFF) is not valid UTF-8"),
        (GOOD + "    - \ud800\n", ":5: byte 45 (0xED) is not valid UTF-8"),
    ],
)
def test_an_error_names_the_byte_that_is_not_utf8(tmp_path: Path, written: str | bytes, expected: str) -> None:
    assert refusal(tmp_path, written).startswith(expected)


@pytest.mark.parametrize("written", ["", " \n\r\n", "\ufeff"])
def test_an_empty_file_is_refused(tmp_path: Path, written: str) -> None:
    assert "is empty" in refusal(tmp_path, written)


@pytest.mark.parametrize(
    "written",
    [
        "# only a comment\n",
        "hello",
        "- a\n",
        "stories: []\n",
        "nlu:\n",
        "nlu: []\n",
        GOOD.replace("examples", "example"),
    ],
)
def test_a_file_without_examples_is_refused(tmp_path: Path, written: str) -> None:
    assert "there are no examples" in refusal(tmp_path, written)
