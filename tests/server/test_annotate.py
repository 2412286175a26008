"""Corrections appended to the YAML file: it stays valid, loses nothing, and is otherwise unchanged."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from cnlu.data.schema import Entity, Example
from cnlu.errors import CnluError, DataError, UsageError
from cnlu.server.annotate import AlreadyAnnotated, ConflictingAnnotation, append_example, check_file
from tests.places import PYTHONPATH
from tests.server.annotations import EXISTING, example, read
from tests.server.running import Server


def test_the_first_sentence_makes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new.yml"
    made = example("😀去北京", "book_ticket", Entity(2, 4, "place", "北京", role="to"))
    append_example(path, made)
    assert read(path) == [made]


def test_a_sentence_is_added_below_others_of_its_intent_and_the_rest_is_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "nlu.yml"
    path.write_text(EXISTING, encoding="utf-8")
    append_example(path, example("嗨"))
    append_example(path, example("票价多少", "query_price"))
    append_example(path, example("去杭州", "book_ticket", Entity(1, 3, "place", "杭州")))
    expected = EXISTING.replace("    - 您好\n", "    - 您好\n    - 嗨\n")
    expected += "    - 去[杭州](place)\n\n- intent: query_price\n  examples: |\n    - 票价多少\n"
    assert path.read_text("utf-8") == expected


@pytest.mark.parametrize(
    "content",
    [
        EXISTING.rstrip("\n"),
        "nlu:\n  - intent: greet\n    examples: |\n      - 你好\n  - intent: thanks\n    examples: |\n      - 谢谢\n",
        "nlu:\n- intent: greet\n  examples:\n  - text: 你好\n    metadata: {a: 1}\n",
        "nlu:\n- intent: greet\n  metadata: {a: 1}\n  examples: |\n    - 你好\n",
        'nlu:\n- intent: greet\n  examples: "- 你好"\n',
        'version: "3.1"\r\nnlu:\r\n- intent: greet\r\n  examples: |\r\n    - 你好\r\n',
    ],
    ids=["no-line-end", "indented", "list", "metadata", "quoted", "crlf"],
)
def test_other_layouts_are_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "nlu.yml"
    path.write_bytes(content.encode())
    before = read(path)
    append_example(path, example("嗨"))
    after = read(path)
    assert len(after) == len(before) + 1
    assert [one for one in after if one.text != "嗨"] == before


def test_permissions_and_a_link_stay(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "nlu.yml", tmp_path / "link.yml"
    real.write_text(EXISTING, encoding="utf-8")
    real.chmod(0o640)
    link.symlink_to(real)
    append_example(link, example("嗨"))
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert "嗨" in real.read_text("utf-8")


def test_a_repeated_sentence_is_not_saved_and_another_annotation_is_a_conflict(tmp_path: Path) -> None:
    path = tmp_path / "nlu.yml"
    path.write_text(EXISTING, encoding="utf-8")
    with pytest.raises(AlreadyAnnotated):
        append_example(path, example("你好"))
    with pytest.raises(ConflictingAnnotation, match="in line 7; change it there"):
        append_example(path, example("你好", "goodbye"))
    assert path.read_text("utf-8") == EXISTING


@pytest.mark.parametrize(
    "bad",
    [
        example("看 [这](里)"),
        example("两\n行"),
        example(" 空格"),
        example("好\u2028的"),
        example("\ud83d"),
        example("你好", "a/b/c"),
        example("去北京", "a", Entity(0, 2, "x", "去北"), Entity(1, 3, "y", "北京")),
    ],
    ids=range(7),
)
def test_a_sentence_that_yaml_cannot_express_is_refused_and_the_file_is_unchanged(tmp_path: Path, bad: Example) -> None:
    path = tmp_path / "nlu.yml"
    path.write_text(EXISTING, encoding="utf-8")
    with pytest.raises(DataError):
        append_example(path, bad)
    assert path.read_text("utf-8") == EXISTING


@pytest.mark.parametrize(
    "content", ["stories: []\n", "nlu:\n- intent: a\n  examples: |\n    - b\nrules: []\n", "a: [\n"]
)
def test_a_file_that_cannot_be_appended_to_is_refused_at_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.yml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match="--annotate"):
        check_file(path)
    with pytest.raises(CnluError):
        append_example(path, example("嗨"))
    assert path.read_text("utf-8") == content


def test_names_and_folders_that_cannot_be_are_refused_at_the_start(tmp_path: Path) -> None:
    for name in ("nlu.json", "nlu", "no/such/nlu.yml"):
        with pytest.raises(UsageError, match="--annotate"):
            check_file(tmp_path / name)
    (tmp_path / "folder.yml").mkdir()
    with pytest.raises(UsageError, match="--annotate"):
        check_file(tmp_path / "folder.yml")


WRITER = """
import sys
from pathlib import Path
from cnlu.data.schema import Example
from cnlu.server.annotate import append_example
for number in range(15):
    append_example(Path(sys.argv[1]), Example(f"第{number}句由{sys.argv[2]}写", "greet"))
"""


def test_writers_in_several_processes_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "nlu.yml"
    path.write_text(EXISTING, encoding="utf-8")
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], env={**os.environ, "PYTHONPATH": PYTHONPATH})
        for name in "甲乙丙"
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    texts = [one.text for one in read(path)]
    assert sorted(texts) == sorted(
        ["你好", "您好", "去北京"] + [f"第{n}句由{w}写" for n in range(15) for w in "甲乙丙"]
    )


def test_requests_at_the_same_time_lose_nothing(server: Server, annotated: Path) -> None:
    def write(number: int) -> None:
        body = {"text": f"同时的第{number}句", "intent": "greet"}
        assert httpx.post(server.url + "/annotate", json=body, trust_env=False, timeout=240).json()["saved"]

    threads = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {f"同时的第{number}句" for number in range(12)} <= {one.text for one in read(annotated)}


def test_an_invalid_request_gets_a_message_about_the_problem(client: httpx.Client, annotated: Path) -> None:
    good = {"text": "去北京", "intent": "book_ticket"}
    cases = [
        ({}, 422),
        ({"text": "去北京"}, 422),
        ({**good, "intent": ""}, 422),
        ({**good, "intent": 5}, 422),
        ({**good, "file": "/etc/passwd"}, 422),
        ({**good, "path": "../x.yml"}, 422),
        ({**good, "entities": {}}, 422),
        ({**good, "entities": [{"start": 1, "end": 9, "entity": "place"}]}, 422),
        ({**good, "entities": [{"start": True, "end": 2, "entity": "place"}]}, 422),
        ({**good, "entities": [{"start": 1, "end": 3}]}, 422),
        ({**good, "entities": [{"start": 1, "end": 3, "entity": "place", "to": "x"}]}, 422),
        ({"text": "看 [这](里)", "intent": "greet"}, 422),
        ({"text": "", "intent": "greet"}, 422),
    ]
    before = annotated.read_bytes() if annotated.exists() else None
    for body, status in cases:
        answer = client.post("/annotate", json=body)
        assert answer.status_code == status, body
        assert str(annotated) not in answer.text
    assert client.post("/annotate", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    assert (annotated.read_bytes() if annotated.exists() else None) == before


def test_a_server_without_annotate_saves_nothing(tiny_model: Path, serve, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    client = serve(tiny_model).client
    assert client.post("/annotate", json={"text": "你好", "intent": "greet"}).status_code == 404
    assert client.get("/labels").json()["annotate"] is False
    assert not list(tmp_path.iterdir())
