"""The user's regexes, matched within a limit of time: no pattern and no text can hold up a process.

A backtracking engine needs time exponential in the length of a text for a pattern such as `(a|aa)+$`. The package
`regex` reads the patterns of Python's `re`, finds most such cases by itself, and takes a time limit for the rest.
"""

from __future__ import annotations

import re
import time

import regex

from cnlu.features.regex_risk import expanded_size

SECONDS, SECONDS_PER_CHARACTER = 0.004, 1e-5
"""CPU time that the patterns share on one text. A usual pattern takes a few microseconds."""
LEAST = 0.0005
"""What is left to a pattern behind others that used it up"""
TRIES = 3
"""Attempts, each within its time limit, before a pattern counts as too slow."""
MOST_REPEATED = 100_000
"""Steps that a pattern may have once its counted repeats, such as `(a{100}){100}`, are written out."""


class BadRegexError(ValueError):
    """A pattern that cannot be used; says why."""


def compile_regex(source: str) -> regex.Pattern[str]:
    """The pattern, ready for `find_all`; raises BadRegexError unless Python's `re` reads it too, as Rasa does."""
    try:
        re.compile(source)
        size = expanded_size(source)
        if size > MOST_REPEATED:
            raise BadRegexError(f"its repeats come to {size:,} steps, more than {MOST_REPEATED:,}")
        return regex.compile(source)
    except (re.error, regex.error, OverflowError, RecursionError) as error:
        raise BadRegexError(str(error)) from error


class Clock:
    """The time budget of all patterns on one text of `characters` characters."""

    def __init__(self, characters: int) -> None:
        self.left = SECONDS + SECONDS_PER_CHARACTER * characters

    def find_all(self, pattern: regex.Pattern[str], text: str) -> list[tuple[int, int]]:
        """Start and end of each match that is not empty, left to right; raises TimeoutError when it takes too long.

        One pattern gets half of the remaining time, so that a slow one leaves time for the others.
        """
        allowed, started = self.left / 2, time.perf_counter()
        try:
            return _spans(pattern, text, allowed)
        except TimeoutError:
            return self._once_more(pattern, text, allowed)
        finally:
            self.left = max(self.left - (time.perf_counter() - started), LEAST)

    def _once_more(self, pattern: regex.Pattern[str], text: str, allowed: float) -> list[tuple[int, int]]:
        """Once may be a garbage collection, or other threads: regex counts the CPU time of the whole process."""
        started, tries = time.thread_time(), 1  # asked only here: on some machines it takes longer than a pattern
        while True:
            tries += 1
            try:
                return _spans(pattern, text, allowed)
            except TimeoutError:
                if tries >= TRIES and time.thread_time() - started >= (TRIES - 1) * allowed:
                    raise


def _spans(pattern: regex.Pattern[str], text: str, allowed: float) -> list[tuple[int, int]]:
    return [one.span() for one in pattern.finditer(text, timeout=allowed) if one.start() < one.end()]
