"""The configuration of contributors' tools agrees with `make` and CI."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

import cnlu


def test_pre_commit_runs_the_pinned_ruff(checkout: Path) -> None:
    hooks = yaml.safe_load((checkout / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    pinned = re.findall(r"^ruff==(\S+)", (checkout / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    assert [repo["rev"].removeprefix("v") for repo in hooks if "ruff" in repo["repo"]] == pinned
    assert [hook["id"] for repo in hooks for hook in repo["hooks"]] == ["ruff", "ruff-format"]


def test_the_workflow_runs_what_a_change_must_pass(checkout: Path) -> None:
    workflow = yaml.safe_load((checkout / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    assert [step["run"] for step in workflow["jobs"]["run"]["steps"] if "run" in step] == ["bash .ci/run"]
    assert workflow["permissions"] == {"contents": "read"}


def test_the_issue_templates_are_complete(checkout: Path) -> None:
    for path in sorted((checkout / ".github" / "ISSUE_TEMPLATE").glob("[bf]*.yml")):
        form = yaml.safe_load(path.read_text("utf-8"))
        assert form["name"] and form["description"] and form["body"], path.name


def test_the_release_notes_have_this_version(checkout: Path) -> None:
    notes = (checkout / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^## {re.escape(cnlu.__version__)} \(", notes, re.MULTILINE)


def test_the_source_distribution_has_every_document_and_tool_file_at_the_top(checkout: Path) -> None:
    listed = set(re.findall(r'"/([\w.-]+)"', (checkout / "pyproject.toml").read_text("utf-8")))
    kinds = ("*.md", "*.txt", ".editorconfig", ".pre-commit-config.yaml", "Makefile", "LICENSE")
    assert {path.name for kind in kinds for path in checkout.glob(kind)} <= listed


def test_no_test_imports_from_another_test(checkout: Path) -> None:
    """Shared helpers live in modules of their own, so that changing a test breaks no other."""
    for path in sorted((checkout / "tests").rglob("*.py")):
        others = re.findall(r"^\s*from tests\.(\S+) import", path.read_text("utf-8"), re.MULTILINE)
        assert not [name for name in others if re.search(r"(^|\.)(test_\w+|conftest)$", name)], path
