"""What only some installs have, such as PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cnlu import interrupts
from cnlu.errors import UsageError


@contextmanager
def needed_for(what: str, extra: str) -> Iterator[None]:
    """Around a verb's first imports: raises UsageError, naming the extra, where a package is not installed."""
    with interrupts.at_once():
        try:
            yield
        except ImportError as error:
            raise UsageError(
                f"{what} needs {error.name}, which is not installed; install it with: pip install 'cnlu[{extra}]'."
            ) from error
