"""The errors a user may meet: each is one sentence that names the place and the mend."""

from __future__ import annotations


class CnluError(Exception):
    """A failure the user can mend; the command line prints the sentence and exits with `exit_code`."""

    exit_code = 1


class UsageError(CnluError):
    """A wrong argument or setting."""

    exit_code = 2


class DataError(CnluError):
    """Examples that cannot be read or do not make sense; the sentence names file and line."""

    exit_code = 2


class ModelError(CnluError):
    """A model directory that is missing, damaged, or of another format."""


def one_line(error: BaseException) -> str:
    """An exception's words as a part of a sentence."""
    words = " ".join(str(error).split()) or type(error).__name__
    return words[:200].rstrip(". ")
