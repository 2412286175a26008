"""cnlu: Chinese NLU for dialogue.

import cnlu
model = cnlu.load("out/railway")
model.parse("帮我订一张明天去杭州的高铁票")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnlu.errors import CnluError

if TYPE_CHECKING:
    from pathlib import Path

    from cnlu.runtime.interpreter import Interpreter

__version__ = "0.1.0"
__all__ = ["CnluError", "__version__", "load"]


def load(path: str | Path, threads: int = 1) -> Interpreter:
    """Open a model directory; `threads` is the number of CPU threads one parse may use.

    Raises ModelError when the directory is missing, damaged or of another format.
    """
    from cnlu.runtime.interpreter import Interpreter

    return Interpreter.load(path, threads=threads)
