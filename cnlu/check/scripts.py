"""One thing in two scripts: traditional and simplified characters, full and half width.

A character belongs to one script alone where the standard of the other does not have it: GB 2312 for simplified, Big5
for traditional characters. OpenCC then says whether it is a traditional character at all or merely a rare one.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from functools import cache

from cnlu.check.corpus import Corpus, Line, share, surface
from cnlu.check.findings import Finding, Place
from cnlu.io.messages import shown
from cnlu.text.chars import is_han

_MINORITY = 0.1
"""Share of the examples up to which those of the other script are named one by one."""


def find_mixed_scripts(corpus: Corpus) -> Iterator[Finding]:
    """`mixed-script`; nothing where `text.simplify` makes the two one, or without OpenCC (see `opencc_is_missing`)."""
    if corpus.config.text.simplify or opencc_is_missing():
        return
    lines = [line for part in corpus.parts for line in part]
    both = {script: [line for line in lines if script in _scripts(line.example.text)] for script in ("t", "s")}
    rare, usual = sorted(both, key=lambda script: len(both[script]))
    if not both[rare]:
        return
    name = "traditional" if rare == "t" else "simplified"
    part = len(both[rare]) / len({id(line) for group in both.values() for line in group})
    if part <= _MINORITY:
        for line in both[rare]:
            yield _one_line(line, rare, name, len(both[usual]))
        return
    first = both[rare][0].example
    problem = f"has {name} characters, as have {share(len(both[rare]), len(lines))} of the examples"
    yield Finding(
        "mixed-script",
        first.source,
        first.text,
        problem,
        "write all in one script, or train with text.simplify=true",
        tuple(line.place for line in both[rare][1:]),
    )


def _one_line(line: Line, rare: str, name: str, others: int) -> Finding:
    text = line.example.text
    odd = "".join(dict.fromkeys(ch for ch in text if rare in _script(ch)))
    same = f" {shown(_converted(odd, 't2s'))[1:-1]}" if rare == "t" else ""
    problem = f"has the {name} {shown(odd)}, while {others} examples are written otherwise"
    return Finding(
        "mixed-script",
        line.example.source,
        text,
        problem,
        f"write{same or ' it in traditional characters'}, or train with text.simplify=true",
    )


def find_mixed_widths(corpus: Corpus) -> Iterator[Finding]:
    """`mixed-width`: one finding for all examples, and one for each value that is written in both widths."""
    wide = [line for part in corpus.parts for line in part if _is_wide(line.example.text)]
    total = sum(map(len, corpus.parts))
    if not wide or len(wide) == total:
        return
    first = wide[0].example
    others = f", as have {len(wide) - 1} more examples of {total}" if len(wide) > 1 else ""
    problem = f"has full-width letters or digits{others}"
    folded = corpus.config.text.fold_width
    fix = (
        "write half-width ones, for regexes see the text as it is"
        if folded
        else ("write half-width ones, or train with text.fold_width=true")
    )
    yield Finding("mixed-width", first.source, first.text, problem, fix, tuple(line.place for line in wide[1:]))
    yield from _values_in_both(corpus)


def _values_in_both(corpus: Corpus) -> Iterator[Finding]:
    written: dict[tuple[str, str], dict[str, list[Place]]] = defaultdict(lambda: defaultdict(list))
    for line in corpus.train:
        for entity in line.example.entities:
            covered = surface(line.example, entity)
            written[entity.entity, unicodedata.normalize("NFKC", covered)][covered].append(line.place)
    for forms in written.values():
        usual, *others = sorted(forms, key=lambda form: (_is_wide(form), -len(forms[form])))
        for form in others:
            if _is_wide(form):
                problem = f"is written {shown(usual)} at {forms[usual][0].source}"
                yield Finding(
                    "mixed-width",
                    forms[form][0].source,
                    form,
                    problem,
                    "write it in half width",
                    (*forms[form][1:], forms[usual][0]),
                )


def _is_wide(text: str) -> bool:
    return not text.isascii() and any("\uff01" <= ch <= "\uff5e" and ch.isalnum() for ch in text)


def opencc_is_missing() -> bool:
    """Whether traditional and simplified characters cannot be compared here."""
    try:
        import opencc  # noqa: F401
    except ImportError:
        return True
    return False


def _scripts(text: str) -> set[str]:
    return set() if text.isascii() else set("".join(map(_script, text)))


@cache
def _script(ch: str) -> str:
    """ "t" for a character of traditional texts only, "s" for one of simplified only, else nothing."""
    if not is_han(ch):
        return ""
    simplified, traditional = _has(ch, "gb2312"), _has(ch, "big5")
    if traditional and not simplified and _converted(ch, "t2s") != ch:
        return "t"
    return "s" if simplified and not traditional and _converted(ch, "s2t") != ch else ""


def _has(ch: str, encoding: str) -> bool:
    try:
        ch.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _converted(text: str, direction: str) -> str:
    return str(_converter(direction).convert(text))


@cache
def _converter(direction: str):  # type: ignore[no-untyped-def]
    from opencc import OpenCC

    return OpenCC(direction)
