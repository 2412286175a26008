"""The errors that a user may see: each is one sentence that names the place, the problem and the fix."""

from __future__ import annotations

from cnlu.i18n import _


class CnluError(Exception):
    """A failure that the user can fix; the command line prints the sentence and exits with `exit_code`.

    `place`: a file with its line, a setting or an option. `problem`: what is wrong there. `fix`: what to do about it.
    The last two are parts of a sentence, in the user's language, without a full stop; a fix may be a question.
    """

    exit_code = 1

    def __init__(self, place: object, problem: str = "", fix: str = "") -> None:
        super().__init__(place, problem, fix)  # what pickle hands to another process
        self.place, self.problem, self.fix = str(place), problem, fix

    def __str__(self) -> str:
        if not self.problem:
            return self.place
        rest = _sentence(self.problem, self.fix)
        return _("{place}: {rest}", place=self.place, rest=rest) if self.place else rest


def _sentence(problem: str, fix: str) -> str:
    if not fix:
        return _("{problem}.", problem=problem)
    if fix.endswith(("?", "？")):
        return _("{problem}; {fix}", problem=problem, fix=fix)
    return _("{problem}; {fix}.", problem=problem, fix=fix)


class UsageError(CnluError):
    """A wrong argument or setting."""

    exit_code = 2


class DataError(CnluError):
    """Examples that cannot be read or do not make sense; `place` names file and line."""

    exit_code = 2


class ModelError(CnluError):
    """A model directory that is missing, damaged, or of another format."""


def one_line(error: BaseException) -> str:
    """An exception's message on one line, to be used inside a sentence; at most 200 characters."""
    message = " ".join(str(error).split()) or type(error).__name__
    return message[:200].rstrip(". ")
