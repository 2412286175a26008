"""Limits of a file and a line: far above what people write, far below what a machine cannot hold."""

from __future__ import annotations

LARGEST_FILE = 256 << 20
"""Bytes of a file that is read as a whole: some millions of examples."""
LONGEST_LINE = 1_000_000
"""Characters of a line: room for a text of the greatest length, all of it annotated."""
