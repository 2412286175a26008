"""Preparation gives the same corpus for any number of processes and after interruptions."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from cnlu.errors import CnluError, UsageError
from tests.pretrain.corpora import corpus_files, prepare_texts


def test_the_corpus_does_not_depend_on_processes_and_blocks(tmp_path, tiny_encoder, railway_lines, monkeypatch):
    from cnlu_pretrain.prepare import sources

    monkeypatch.setattr(sources, "BLOCK", 20_000)
    text = "\n".join(railway_lines)
    settings = {"shard_tokens": 20_000, "held_out": 0.1}
    expected = corpus_files(prepare_texts(tmp_path, tiny_encoder, text, **settings))
    assert corpus_files(prepare_texts(tmp_path, tiny_encoder, text, processes=2, **settings)) == expected
    assert sum(name.endswith(".tokens") and name[0] == "0" for name in expected) >= 3


def test_a_resumed_preparation_writes_the_files_of_an_uninterrupted_one(
    tmp_path, tiny_encoder, railway_lines, monkeypatch
):
    from cnlu_pretrain.prepare import shard_writer, sources

    monkeypatch.setattr(sources, "BLOCK", 20_000)
    text = "\n".join(railway_lines)
    whole = corpus_files(prepare_texts(tmp_path, tiny_encoder, text, shard_tokens=10_000))
    write, calls = shard_writer._write, []

    def write_until_full(*arguments):
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        calls.append(1)
        write(*arguments)

    monkeypatch.setattr(shard_writer, "_write", write_until_full)
    with pytest.raises(CnluError, match="No space left.*--resume"):
        prepare_texts(tmp_path, tiny_encoder, text, shard_tokens=10_000)
    monkeypatch.setattr(shard_writer, "_write", write)
    resumed = prepare_texts(tmp_path, tiny_encoder, text, shard_tokens=10_000, request={"resume": True})
    assert corpus_files(resumed) == whole


def test_ctrl_c_keeps_the_complete_shards_and_names_the_option_resume(tmp_path, tiny_encoder):
    text = tmp_path / "big.txt"
    text.write_text("".join(f"第{i}次列车从上海开往北京现在开始检票了\n" for i in range(200_000)), "utf-8")
    command = [
        sys.executable,
        "-m",
        "cnlu",
        "pretrain",
        "prepare",
        str(text),
        "--encoder",
        str(tiny_encoder),
        "--out",
        str(tmp_path / "c"),
        "--set",
        "prepare.shard_tokens=20000",
        "--set",
        "prepare.processes=1",
    ]
    run = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    state = tmp_path / "c.part" / "state.json"
    for _ in range(600):
        if state.exists() and json.loads(state.read_text("utf-8"))["shards"]:
            break
        time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    _, messages = run.communicate(timeout=60)
    assert run.returncode == 130 and "continue with --resume" in messages and "Traceback" not in messages
    assert not (tmp_path / "c").exists()


def test_resuming_with_other_settings_is_refused(tmp_path, tiny_encoder, monkeypatch):
    def no_space(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cnlu_pretrain.prepare.prepare._finish", no_space)
    with pytest.raises(CnluError, match="No space left"):
        prepare_texts(tmp_path, tiny_encoder, "我要买票\n")
    with pytest.raises(UsageError, match="other text, settings or tokenizer"):
        prepare_texts(tmp_path, tiny_encoder, "我要买票\n", min_length=3, request={"resume": True})
