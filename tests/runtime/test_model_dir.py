"""The model directory: complete when written, verified when read, and safe with files from others."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cnlu.errors import ModelError
from cnlu.runtime import model_dir
from cnlu.runtime.model_dir import MANIFEST, read_model_dir, write_model_dir
from tests.runtime.model_contents import OLD


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write_model_dir(tmp_path / "model", OLD, {"scheme": "BIO"})
    return tmp_path / "model"


def _rewrite_manifest(path: Path, **changes: object) -> None:
    manifest = json.loads((path / MANIFEST).read_text())
    manifest.update(changes)
    manifest["sha256"] = model_dir._manifest_digest({key: value for key, value in manifest.items() if key != "sha256"})
    (path / MANIFEST).write_text(json.dumps(manifest))


def test_reading_gives_back_what_was_written(model: Path) -> None:
    read = read_model_dir(model)
    assert read.files == OLD
    assert read.manifest["scheme"] == "BIO"
    assert read.manifest["format"] == model_dir.FORMAT


def test_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name, files in (("a", OLD), ("b", dict(reversed(OLD.items())))):
        write_model_dir(tmp_path / name, files, {"x": {2: (1, 2), 10: 0.1}})
    assert (tmp_path / "a" / MANIFEST).read_bytes() == (tmp_path / "b" / MANIFEST).read_bytes()
    assert read_model_dir(tmp_path / "a").manifest["x"] == {"2": [1, 2], "10": 0.1}


def test_missing_parents_are_made(tmp_path: Path) -> None:
    write_model_dir(tmp_path / "bots" / "rail" / "model", OLD, {})
    assert read_model_dir(tmp_path / "bots" / "rail" / "model").files == OLD


def test_extra_files_are_left_alone(model: Path) -> None:
    (model / "notes.txt").write_text("mine")
    assert "notes.txt" not in read_model_dir(model).files


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_unreadable_manifest_is_named(model: Path, content: bytes) -> None:
    (model / MANIFEST).write_bytes(content)
    with pytest.raises(ModelError, match=r"manifest\.json: is damaged"):
        read_model_dir(model)


@pytest.mark.parametrize("content", ["[]", "3", "null", '{"format": "1"}', '{"name": "web app"}'])
def test_another_programs_manifest_is_refused(model: Path, content: str) -> None:
    (model / MANIFEST).write_text(content)
    with pytest.raises(ModelError, match="not a cnlu model's manifest"):
        read_model_dir(model)


def test_missing_directory_file_or_foreign_directory_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such directory"):
        read_model_dir(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="not a model directory"):
        read_model_dir(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="is a file"):
        read_model_dir(tmp_path / "file")


def test_newer_format_asks_for_an_upgrade(model: Path) -> None:
    _rewrite_manifest(model, format=model_dir.FORMAT + 1, files="whatever a later format keeps here")
    with pytest.raises(ModelError, match="made by a newer cnlu.*upgrade"):
        read_model_dir(model)


def test_a_model_of_an_older_format_is_refused(model: Path) -> None:
    _rewrite_manifest(model, format=model_dir.FORMAT - 1)
    with pytest.raises(ModelError, match=r"made by an older cnlu \(format 2.*train the model again"):
        read_model_dir(model)


def test_missing_truncated_and_tampered_files_are_named(model: Path) -> None:
    file = model / "model.onnx"
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    with pytest.raises(ModelError, match=r"model\.onnx: is truncated"):
        read_model_dir(model)
    file.write_bytes(b"N" + content[1:])
    with pytest.raises(ModelError, match=r"model\.onnx: is damaged or was changed"):
        read_model_dir(model)
    file.unlink()
    with pytest.raises(ModelError, match=r"model\.onnx: is missing"):
        read_model_dir(model)
    file.mkdir()
    with pytest.raises(ModelError, match=r"model\.onnx: cannot be read"):
        read_model_dir(model)


def test_an_altered_setting_in_the_manifest_is_detected(model: Path) -> None:
    file = model / MANIFEST
    file.write_text(file.read_text().replace('"BIO"', '"BIL"'))
    with pytest.raises(ModelError, match="is damaged"):
        read_model_dir(model)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "..", "C:x", "a\\b", ".hidden", ""])
def test_names_cannot_lead_out_of_the_directory(model: Path, name: str) -> None:
    (model.parent / "secret").write_bytes(b"secret")
    _rewrite_manifest(model, files={name: model_dir._fingerprint(b"secret")})
    with pytest.raises(ModelError, match="outside the model directory"):
        read_model_dir(model)
    with pytest.raises(ValueError, match="not usable"):
        write_model_dir(model, {name: b""}, {}, force=True)


@pytest.mark.parametrize("listed", [False, True])
def test_a_link_in_the_directory_is_not_followed(model: Path, listed: bool) -> None:
    """Not even where the bytes behind it are the listed ones."""
    name = "model.onnx" if listed else MANIFEST
    (model / name).rename(model.parent / "elsewhere")
    (model / name).symlink_to(model.parent / "elsewhere")
    with pytest.raises(ModelError, match="is a symbolic link, which cnlu does not follow"):
        read_model_dir(model)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["model.onnx", MANIFEST])
def test_a_pipe_in_the_directory_is_not_waited_for(model: Path, name: str) -> None:
    (model / name).unlink()
    os.mkfifo(model / name)
    with pytest.raises(ModelError, match=f"{name}: cannot be read .it is not a regular file"):
        read_model_dir(model)


def test_bytes_beyond_the_listed_size_are_not_read(model: Path) -> None:
    with open(model / "model.onnx", "r+b") as file:
        file.truncate(1 << 40)  # a terabyte that takes no room on the disk
    with pytest.raises(ModelError, match=r"model\.onnx: is damaged"):
        read_model_dir(model)


@pytest.mark.parametrize(
    "files",
    [
        {"model.onnx": {"sha256": "", "size": 1 << 33}},
        {f"f{i}": {"sha256": "", "size": 0} for i in range(100)},
        {name: {"sha256": "", "size": 3 << 30} for name in ("a", "b")},
    ],
)
def test_an_oversized_manifest_is_refused_before_any_file_is_opened(model: Path, files: dict[str, object]) -> None:
    _rewrite_manifest(model, files=files)
    with pytest.raises(ModelError, match="lists more than 64 files or 4 GB"):
        read_model_dir(model)
    os.truncate(model / MANIFEST, 1 << 40)
    with pytest.raises(ModelError, match="larger than 1 MB"):
        read_model_dir(model)


@pytest.mark.parametrize("size", [None, -1, 1.5, "9"])
def test_an_invalid_size_counts_as_damage(model: Path, size: object) -> None:
    _rewrite_manifest(model, files={"model.onnx": {"sha256": "", "size": size}})
    with pytest.raises(ModelError, match="is damaged"):
        read_model_dir(model)
