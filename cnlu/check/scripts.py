"""Mixed scripts: traditional and simplified characters, full and half width.

A character belongs to one script only if the standard of the other script does not contain it: GB 2312 for simplified,
Big5 for traditional characters. OpenCC then distinguishes traditional characters from merely rare ones.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from functools import cache

from cnlu.check.corpus import Corpus, Line, percentage, surface
from cnlu.check.findings import Finding, Place
from cnlu.i18n import _, n_
from cnlu.io.messages import shown
from cnlu.text.chars import is_han

_MINORITY = 0.1
"""Largest share of the examples for which each example of the other script is reported separately"""


def find_mixed_scripts(corpus: Corpus) -> Iterator[Finding]:
    """`mixed-script`; no findings with `text.simplify`, which unifies the scripts, or without OpenCC."""
    if corpus.config.text.simplify or opencc_is_missing():
        return
    lines = [line for part in corpus.parts for line in part]
    lines_by_script = {
        script: [line for line in lines if script in _scripts(line.example.text)] for script in ("t", "s")
    }
    rare, usual = sorted(lines_by_script, key=lambda script: len(lines_by_script[script]))
    if not lines_by_script[rare]:
        return
    part = len(lines_by_script[rare]) / len({id(line) for group in lines_by_script.values() for line in group})
    if part <= _MINORITY:
        for line in lines_by_script[rare]:
            yield _other_script(line, rare, len(lines_by_script[usual]))
        return
    first = lines_by_script[rare][0].example
    share = percentage(len(lines_by_script[rare]), len(lines))
    if rare == "t":
        problem = _("has traditional characters, like {share} of the examples", share=share)
    else:
        problem = _("has simplified characters, like {share} of the examples", share=share)
    yield Finding(
        code="mixed-script",
        source=first.source,
        text=first.text,
        problem=problem,
        fix=_("write all examples in one script, or train with text.simplify=true"),
        related=tuple(line.place for line in lines_by_script[rare][1:]),
    )


def _other_script(line: Line, rare: str, others: int) -> Finding:
    text = line.example.text
    characters = "".join(dict.fromkeys(ch for ch in text if rare in _script(ch)))
    if rare == "t":
        problem = n_(
            "has the traditional characters {characters}, while {count} example is simplified",
            "has the traditional characters {characters}, while {count} examples are simplified",
            others,
            characters=shown(characters),
        )
        simplified = shown(_converted(characters, "t2s"))[1:-1]
        fix = _("write {simplified}, or train with text.simplify=true", simplified=simplified)
    else:
        problem = n_(
            "has the simplified characters {characters}, while {count} example is traditional",
            "has the simplified characters {characters}, while {count} examples are traditional",
            others,
            characters=shown(characters),
        )
        fix = _("write it in traditional characters, or train with text.simplify=true")
    return Finding("mixed-script", line.example.source, text, problem, fix)


def find_mixed_widths(corpus: Corpus) -> Iterator[Finding]:
    """`mixed-width`: one finding for all examples, and one for each value written in both widths."""
    wide = [line for part in corpus.parts for line in part if _is_wide(line.example.text)]
    total = sum(map(len, corpus.parts))
    if not wide or len(wide) == total:
        return
    first = wide[0].example
    if others := len(wide) - 1:
        problem = _(
            "has full-width letters or digits, like {others} more of {total} examples", others=others, total=total
        )
    else:
        problem = _("has full-width letters or digits")
    if corpus.config.text.fold_width:
        fix = _("write half-width ones, because regexes see the text as written")
    else:
        fix = _("write half-width ones, or train with text.fold_width=true")
    related = tuple(line.place for line in wide[1:])
    yield Finding("mixed-width", first.source, first.text, problem, fix, related=related)
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
                yield Finding(
                    code="mixed-width",
                    source=forms[form][0].source,
                    text=form,
                    problem=_("is written {usual} at {place}", usual=shown(usual), place=forms[usual][0].source),
                    fix=_("write it in half width"),
                    related=(*forms[form][1:], forms[usual][0]),
                )


def _is_wide(text: str) -> bool:
    return not text.isascii() and any("\uff01" <= ch <= "\uff5e" and ch.isalnum() for ch in text)


def opencc_is_missing() -> bool:
    """Whether OpenCC is not installed, so that traditional and simplified characters cannot be compared."""
    try:
        import opencc  # noqa: F401
    except ImportError:
        return True
    return False


def _scripts(text: str) -> set[str]:
    return set() if text.isascii() else set("".join(map(_script, text)))


@cache
def _script(ch: str) -> str:
    """ "t" for a character of traditional texts only, "s" for one of simplified texts only, otherwise empty."""
    if not is_han(ch):
        return ""
    simplified, traditional = _is_encodable(ch, "gb2312"), _is_encodable(ch, "big5")
    if traditional and not simplified and _converted(ch, "t2s") != ch:
        return "t"
    return "s" if simplified and not traditional and _converted(ch, "s2t") != ch else ""


def _is_encodable(ch: str, encoding: str) -> bool:
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
