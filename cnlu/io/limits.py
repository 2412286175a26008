"""Limits on the size of a file and of a line: far above what people write, far below what fills the memory."""

from __future__ import annotations

LARGEST_FILE = 256 << 20
"""Maximum size, in bytes, of a file that is read at once: some millions of examples."""
LONGEST_LINE = 1_000_000
"""Maximum characters of a line: enough for a text of maximum length that is annotated throughout."""
