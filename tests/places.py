"""Where the checkout lies, and what a child process needs on its path to import all of its packages."""

from __future__ import annotations

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PYTHONPATH = os.pathsep.join(str(CHECKOUT / name) for name in (".", "pretrain", "dialogue"))
