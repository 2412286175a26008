from __future__ import annotations

from pathlib import Path

import pytest

from cnlu import resources
from cnlu.errors import UsageError


def test_the_worked_domain_is_found_whole_and_by_part(checkout: Path) -> None:
    assert resources.corpus_path("railway") == checkout / "corpora" / "railway"
    assert resources.corpus_path("railway/train").is_dir()
    assert resources.corpus_path("railway/test").is_dir()


def test_settings_are_found_with_and_without_their_suffix(checkout: Path) -> None:
    assert resources.config_path("default") == checkout / "configs" / "default.yaml"
    assert resources.config_path("default.yaml") == resources.config_path("default")


def test_an_unknown_name_is_answered_with_what_exists() -> None:
    with pytest.raises(UsageError, match=r"'plane'.*railway"):
        resources.corpus_path("plane")
    with pytest.raises(UsageError, match=r"'huge'.*default\.yaml"):
        resources.config_path("huge")


@pytest.mark.parametrize("name", ["", ".", "..", "../pyproject.toml", "/etc", "railway/../../cnlu", "a\0b"])
def test_nothing_outside_the_folder_can_be_named(name: str) -> None:
    with pytest.raises(UsageError):
        resources.corpus_path(name)
    with pytest.raises(UsageError):
        resources.config_path(name)


def test_a_wheel_s_own_copy_comes_before_what_lies_beside_it(tmp_path: Path, monkeypatch) -> None:
    package = tmp_path / "site" / "cnlu"
    (package / "_resources" / "configs").mkdir(parents=True)
    (package / "_resources" / "configs" / "default.yaml").write_text("packaged: true\n")
    (tmp_path / "site" / "configs").mkdir()
    (tmp_path / "site" / "configs" / "default.yaml").write_text("another project's\n")
    monkeypatch.setattr(resources, "PACKAGE", package)
    assert resources.config_path("default").read_text() == "packaged: true\n"


def test_a_wheel_without_resources_says_that_there_are_none(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(resources, "PACKAGE", tmp_path / "cnlu")
    with pytest.raises(UsageError, match="there are: none"):
        resources.config_path("default")
