"""pyproject.toml and constraints.txt: every dependency has a reason and an exact version."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
DEPENDENCY = re.compile(r'^\s+"([^"]+)",(.*)$')


def dependencies(checkout: Path) -> dict[str, list[tuple[Requirement, str]]]:
    """Group ("base", "train", ...) to its requirements, each with what follows on its line."""
    groups: dict[str, list[tuple[Requirement, str]]] = {}
    table = group = None
    for line in (checkout / "pyproject.toml").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            table = line.strip("[]")
        elif line.startswith("]"):
            group = None
        elif opening := re.match(r"(\w+) = \[$", line):
            base = (table, opening[1]) == ("project", "dependencies")
            group = "base" if base else opening[1] if table == "project.optional-dependencies" else None
        elif group and (match := DEPENDENCY.match(line)):
            groups.setdefault(group, []).append((Requirement(match[1]), match[2].strip()))
    return groups


def pins(checkout: Path, python: str) -> dict[str, str]:
    """Package to the exact version that constraints.txt gives it on that Python; fails when there are two."""
    found: dict[str, str] = {}
    for line in (checkout / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pin = Requirement(line)
        if pin.marker and not pin.marker.evaluate({"python_version": python}):
            continue
        (only,) = pin.specifier
        assert only.operator == "==", f"{line} is no exact version"
        name = canonicalize_name(pin.name)
        assert name not in found, f"two pins of {name} on Python {python}"
        found[name] = only.version
    return found


def test_the_groups_are_read(checkout: Path) -> None:
    groups = dependencies(checkout)
    assert {"base", "train", "fast", "zh", "dev"} <= set(groups)
    assert {"numpy", "onnxruntime"} <= {requirement.name for requirement, _ in groups["base"]}


def test_every_dependency_says_on_its_line_why_it_is_there(checkout: Path) -> None:
    silent = [
        str(requirement)
        for group in dependencies(checkout).values()
        for requirement, rest in group
        if not re.match(r"#\s*\S+(\s+\S+){1,}", rest)
    ]
    assert not silent


def test_the_base_stays_light(checkout: Path) -> None:
    base = {canonicalize_name(requirement.name) for requirement, _ in dependencies(checkout)["base"]}
    assert base == {"numpy", "onnxruntime", "jieba", "pyyaml", "ahocorasick-rs", "regex", "tokenizers", "tqdm"}


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_has_one_exact_version_that_satisfies_it(checkout: Path, python: str) -> None:
    exact = pins(checkout, python)
    for group in dependencies(checkout).values():
        for requirement, _ in group:
            if requirement.name == "cnlu":
                continue
            version = exact.get(canonicalize_name(requirement.name))
            assert version, f"{requirement.name} has no pin on Python {python}"
            assert requirement.specifier.contains(version), f"{requirement}: {version} on {python}"


def test_torch_is_pinned_and_brings_no_cuda(checkout: Path) -> None:
    for python in PYTHONS:
        exact = pins(checkout, python)
        assert exact["torch"] == "2.13.0"
        assert not [name for name in exact if name.startswith(("nvidia", "cuda")) or name == "triton"]


def test_the_base_accepts_the_versions_that_rasa_holds(checkout: Path) -> None:
    held = dict(
        line.split("==")
        for line in (checkout / ".ci" / "rasa-constraints.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
    held = {canonicalize_name(name): version for name, version in held.items()}
    assert held["rasa"] == "3.6.21"
    for requirement, _ in dependencies(checkout)["base"]:
        version = held[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} against Rasa's {version}"
