"""Matches the user's regexes within a time limit, so that no pattern and no text can block a process.

For a pattern such as `(a|aa)+$`, a backtracking engine needs time exponential in the length of a text. The package
`regex` accepts the patterns of Python's `re`, avoids most such cases by itself, and has a time limit for the rest.
"""

from __future__ import annotations

import re
import time

import regex

from cnlu.features.regex_risk import expanded_size

SECONDS, SECONDS_PER_CHARACTER = 0.004, 1e-5
"""CPU time that all patterns share on one text. A usual pattern takes a few microseconds."""
MIN_SECONDS = 0.0005
"""Time for each pattern after others have used up the shared time"""
TRIES = 3
"""Attempts, each within its time limit, before a pattern counts as too slow."""
MAX_EXPANDED_SIZE = 100_000
"""Maximum steps of a pattern with its counted repeats, such as `(a{100}){100}`, written out."""


class BadRegexError(ValueError):
    """A pattern that cannot be used; the message is the reason."""


def compile_regex(source: str) -> regex.Pattern[str]:
    """Compile a pattern for `find_all`; raises BadRegexError unless Python's `re`, which Rasa uses, accepts it too."""
    try:
        re.compile(source)
        size = expanded_size(source)
        if size > MAX_EXPANDED_SIZE:
            raise BadRegexError(f"its repeats come to {size:,} steps, more than {MAX_EXPANDED_SIZE:,}")
        return regex.compile(source)
    except (re.error, regex.error, OverflowError, RecursionError) as error:
        raise BadRegexError(str(error)) from error


class TimeBudget:
    """The time that all patterns share on one text of `characters` characters."""

    def __init__(self, characters: int) -> None:
        self.remaining = SECONDS + SECONDS_PER_CHARACTER * characters

    def find_all(self, pattern: regex.Pattern[str], text: str) -> list[tuple[int, int]]:
        """Start and end of each match that is not empty, left to right; raises TimeoutError when it takes too long.

        One pattern gets half of the remaining time, so that a slow one leaves time for the others.
        """
        allowed, started = self.remaining / 2, time.perf_counter()
        try:
            return _spans(pattern, text, allowed)
        except TimeoutError:
            return self._retry(pattern, text, allowed)
        finally:
            self.remaining = max(self.remaining - (time.perf_counter() - started), MIN_SECONDS)

    def _retry(self, pattern: regex.Pattern[str], text: str, allowed: float) -> list[tuple[int, int]]:
        """Tries again: regex counts the CPU time of the whole process, with other threads and garbage collection."""
        started, tries = time.thread_time(), 1  # not called earlier: on some machines it takes longer than a pattern
        while True:
            tries += 1
            try:
                return _spans(pattern, text, allowed)
            except TimeoutError:
                if tries >= TRIES and time.thread_time() - started >= (TRIES - 1) * allowed:
                    raise


def _spans(pattern: regex.Pattern[str], text: str, allowed: float) -> list[tuple[int, int]]:
    return [match.span() for match in pattern.finditer(text, timeout=allowed) if match.start() < match.end()]
