"""The audit report lists the known vulnerabilities, and reports a missing result as UNPROVEN."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any


def report(checkout: Path, tmp_path: Path, found: Any) -> list[str]:
    spec = importlib.util.spec_from_file_location("audit_report", checkout / ".ci/audit_report.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "found.json").write_text(json.dumps(found))
    (tmp_path / "log").write_text("connection refused")
    return module.report(tmp_path / "found.json", tmp_path / "log")


def test_a_vulnerability_is_named_with_its_fix(checkout: Path, tmp_path: Path) -> None:
    flaw = {"id": "PYSEC-1", "fix_versions": ["2.1"]}
    lines = report(checkout, tmp_path, {"dependencies": [{"name": "a", "version": "2.0", "vulns": [flaw]}]})
    assert lines == ["1 of 1 packages were looked up", "!!! a 2.0: PYSEC-1, fixed in 2.1"]


def test_packages_that_could_not_be_looked_up_are_unproven(checkout: Path, tmp_path: Path) -> None:
    (line,) = report(checkout, tmp_path, {"dependencies": [{"name": "a", "skip_reason": "not found"}]})
    assert "UNPROVEN" in line


def test_an_audit_that_failed_is_unproven_and_says_why(checkout: Path, tmp_path: Path) -> None:
    (line,) = report(checkout, tmp_path, {})
    assert "UNPROVEN" in line and "connection refused" in line
