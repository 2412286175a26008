"""Packages that only some installs have, such as PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cnlu import interrupts
from cnlu.errors import UsageError
from cnlu.i18n import _


@contextmanager
def needed_for(what: str, extra: str) -> Iterator[None]:
    """Wraps a verb's first imports; raises UsageError, which names the extra, if a package is not installed."""
    with interrupts.exit_immediately():
        try:
            yield
        except ImportError as error:
            problem = _("{what} needs {package}, which is not installed", what=what, package=error.name)
            raise UsageError("", problem, _("run `{command}`", command=f"pip install 'cnlu[{extra}]'")) from error
