"""`zh-mini`, the encoder that is installed with cnlu."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cnlu import bundled
from cnlu.bundled import bundled_directory
from cnlu.encoder.source import local_directory
from cnlu.errors import DataError, UsageError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that takes the place of the installed package `cnlu.encoder`."""
    folder = tmp_path / "package"
    folder.mkdir()
    monkeypatch.setattr(bundled, "PACKAGE", folder)
    return folder


@pytest.fixture
def zh_mini(package: Path, tiny_encoder: Callable[[str], Path]) -> Path:
    """The bundled encoder of that package."""
    return Path(shutil.copytree(tiny_encoder("bert"), package / "zh-mini"))


def test_the_name_is_the_bundled_encoder(zh_mini: Path) -> None:
    assert bundled_directory() == zh_mini
    assert local_directory("zh-mini") == zh_mini


def test_a_directory_of_that_name_needs_its_path(
    zh_mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(zh_mini, tmp_path / "zh-mini")
    assert local_directory("zh-mini") == zh_mini
    assert local_directory("./zh-mini") == Path("zh-mini")
    assert local_directory(Path("zh-mini")) == Path("zh-mini")


@pytest.mark.usefixtures("package")
def test_an_installation_without_it_says_so() -> None:
    assert bundled_directory() is None
    with pytest.raises(
        UsageError, match="^zh-mini: this installation of cnlu has no bundled encoder; install cnlu again"
    ):
        local_directory("zh-mini")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_reported(zh_mini: Path, name: str) -> None:
    (zh_mini / name).unlink()
    with pytest.raises(DataError, match="zh-mini: files of the bundled encoder are missing; install cnlu again"):
        local_directory("zh-mini")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_damaged_file_is_reported(zh_mini: Path, name: str) -> None:
    content = (zh_mini / name).read_bytes()
    (zh_mini / name).write_bytes(content[:-20])
    with pytest.raises(DataError, match="zh-mini: the bundled encoder is damaged; install cnlu again"):
        local_directory("zh-mini")
