"""Finds words that are not in the dictionary with jieba's hidden Markov model: a character is at the B(eginning), in
the M(iddle) or at the E(nd) of a word, or is a S(ingle) one.

The tables are jieba's; the search is cnlu's, so that words do not depend on the backend: jieba and rjieba add the
same logarithms in different orders, and if two segmentations are equally likely (it takes repetitions, as in
丈一西一西知生西知生西万) rounding makes them choose differently. The words do not depend either on the list of
deleted words that `jieba.del_word` keeps for the whole process.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import ModuleType

Scores = tuple[float, float, float, float]
"""Log probabilities of B, M, E, S."""

UnknownCut = Callable[[str], tuple[str, ...]]

_CACHE_SIZE = 1 << 14  # runs of single characters repeat a lot in natural text: 我想买, 是不是


def import_jieba() -> ModuleType:
    """jieba, without the warnings about syntax and packaging that its sources cause in newer Pythons."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jieba
    return jieba


def load_unknown_cut() -> UnknownCut:
    """A function that cuts a run of Chinese characters into words without a dictionary; it caches runs."""
    finalseg = import_jieba().finalseg
    emit, trans, floor = finalseg.emit_P, finalseg.trans_P, finalseg.MIN_FLOAT
    start: Scores = (*(finalseg.start_P[state] for state in "BMES"),)

    @lru_cache(maxsize=_CACHE_SIZE)
    def scores_of(ch: str) -> Scores:
        b, m, e, s = (emit[state].get(ch, floor) for state in "BMES")
        return b, m, e, s

    @lru_cache(maxsize=_CACHE_SIZE)
    def cut(run: str) -> tuple[str, ...]:
        ends = _word_ends([scores_of(ch) for ch in run], start, trans)
        return tuple(run[begin:end] for begin, end in zip([0, *ends], ends, strict=False))

    return cut


def _word_ends(scores: list[Scores], start: Scores, trans: Mapping[str, Mapping[str, float]]) -> list[int]:
    """Viterbi search: the ends of the words in the likeliest segmentation, in order.

    Sums go from left to right, and the alphabetically later state wins a tie, as in jieba itself.
    """
    bm, be, mm, me = trans["B"]["M"], trans["B"]["E"], trans["M"]["M"], trans["M"]["E"]
    eb, es, sb, ss = trans["E"]["B"], trans["E"]["S"], trans["S"]["B"], trans["S"]["S"]
    b, m, e, s = (log_probability + score for log_probability, score in zip(start, scores[0], strict=True))
    backpointers: list[
        tuple[str, str, str, str]
    ] = []  # for each character after the first: the state before B, M, E, S
    for to_b, to_m, to_e, to_s in scores[1:]:
        b_by_e, b_by_s = e + eb + to_b, s + sb + to_b
        m_by_b, m_by_m = b + bm + to_m, m + mm + to_m
        e_by_b, e_by_m = b + be + to_e, m + me + to_e
        s_by_e, s_by_s = e + es + to_s, s + ss + to_s
        backpointers.append(
            (
                "S" if b_by_s >= b_by_e else "E",
                "M" if m_by_m >= m_by_b else "B",
                "M" if e_by_m >= e_by_b else "B",
                "S" if s_by_s >= s_by_e else "E",
            )
        )
        b, m, e, s = max(b_by_e, b_by_s), max(m_by_b, m_by_m), max(e_by_b, e_by_m), max(s_by_e, s_by_s)
    state = "S" if s >= e else "E"
    ends = [len(scores)]
    for position in range(len(backpointers), 0, -1):
        state = backpointers[position - 1]["BMES".index(state)]
        if state in "ES":
            ends.append(position)
    return ends[::-1]
