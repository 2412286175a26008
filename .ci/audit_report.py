"""Prints a line for each vulnerability that pip-audit found, or UNPROVEN if it could not look any up."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def report(findings: Path, log: Path) -> list[str]:
    """The lines to print. `findings` is pip-audit's JSON, `log` its standard error."""
    try:
        packages = json.loads(findings.read_text("utf-8"))["dependencies"]
    except (OSError, ValueError, KeyError):
        last = (log.read_text("utf-8").strip().splitlines() or ["no reason given"])[-1]
        return [f"!!! pip-audit did not finish ({last}): known vulnerabilities are UNPROVEN"]
    audited = [package for package in packages if "skip_reason" not in package]
    if not audited:
        return [f"!!! no list of vulnerabilities could be reached for any of {len(packages)} packages: UNPROVEN"]
    lines = [f"{len(audited)} of {len(packages)} packages were looked up"]
    for package in audited:
        for vulnerability in package["vulns"]:
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            lines.append(f"!!! {package['name']} {package['version']}: {vulnerability['id']}, fixed in {fixed}")
    return lines


if __name__ == "__main__":
    print("\n".join(report(Path(sys.argv[1]), Path(sys.argv[2]))))
