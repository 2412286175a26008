"""Every regular expression of the packages takes time linear in the length of a text, whatever the text."""

from __future__ import annotations

import ast
import importlib
import re
import signal
import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from cnlu.features.regex_risk import samples
from tests.places import CHECKOUT

METHODS = {"match", "fullmatch", "search", "split", "sub", "subn", "findall", "finditer"}
SCANNING = {"split", "sub", "subn", "findall", "finditer"}  # each looks at every place, as search does
SHORT, LONG, LIMIT = 300, 2400, 24.0
"""Two lengths, and the allowed growth of the time between them: 8 is linear, 64 quadratic."""
GIVEN = {
    ("cnlu/features/regexes.py", "source"): "the user's, matched under a limit of time",
    ("cnlu/text/bulk_segment.py", "pattern"): "a literal of its caller",
}

ENDING = {"cnlu/data/markup.py: _FIELDS": "}"}
"""Pattern: the ending that its caller gives every text"""


class Use(NamedTuple):
    place: str
    pattern: re.Pattern[str]
    method: str


@cache
def sources() -> list[tuple[str, ast.Module]]:
    files = [file for room in ("cnlu", "dialogue", "pretrain") for file in sorted((CHECKOUT / room).rglob("*.py"))]
    texts = {file.relative_to(CHECKOUT).as_posix(): file.read_text("utf-8") for file in files}
    return [(name, ast.parse(text)) for name, text in texts.items() if re.search(r"\bre\b|_[A-Z]+\.", text)]


def methods_of(trees: Iterable[ast.AST]) -> dict[str, set[str]]:
    """Name: the methods called on anything of that name."""
    found: dict[str, set[str]] = {}
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Attribute) and node.attr in METHODS:
            owner = getattr(node.value, "attr", getattr(node.value, "id", ""))
            found.setdefault(owner, set()).add("search" if node.attr in SCANNING else node.attr)
    return found


@cache
def namespace(file: str) -> dict[str, Any]:
    """The module's own names, if it uses regular expressions."""
    if not re.search(r"^import re$", (CHECKOUT / file).read_text("utf-8"), re.MULTILINE):
        return {}
    try:
        name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return dict(vars(importlib.import_module(re.sub(r"^(dialogue|pretrain)\.(?=cnlu_)", "", name))))
    except ImportError:  # Rasa's own packages are not here
        return {"re": re}


def inline(file: str, tree: ast.Module) -> Iterator[Use]:
    """Calls such as `re.search(...)` of a pattern among the module's own names."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = node.func.value
        if not (isinstance(owner, ast.Name) and owner.id == "re" and node.func.attr in METHODS and node.args):
            continue
        if (file, ast.unparse(node.args[0])) in GIVEN:
            continue
        source = eval(ast.unparse(node.args[0]), namespace(file))
        method = "search" if node.func.attr in SCANNING else node.func.attr
        yield Use(f"{file}:{node.lineno}", re.compile(source), method)


def patterns_in(value: object) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from patterns_in(one)


def compiled(file: str, tree: ast.Module, everywhere: dict[str, set[str]]) -> Iterator[Use]:
    """The module's compiled patterns, alone or in tables, with the methods that any module calls on them."""
    for name, value in namespace(file).items():
        for pattern in patterns_in(value):
            methods = everywhere.get(name) if value is pattern else methods_of([tree]).get("pattern")
            for method in sorted(methods or {"fullmatch"}):
                yield Use(f"{file}: {name}", pattern, method)


def uses() -> list[Use]:
    everywhere = methods_of(tree for _, tree in sources())
    found = [use for file, tree in sources() for use in (*inline(file, tree), *compiled(file, tree, everywhere))]
    unique = {(use.pattern.pattern, use.method): use for use in found}
    return sorted(unique.values(), key=lambda use: use.place)


def attacks(pattern: re.Pattern[str]) -> Iterator[str]:
    """Units to repeat: every character in the pattern, and some pairs of them."""
    own = samples(pattern.pattern) or "a"
    yield from own[:24]
    few = own[:: max(1, len(own) // 4)]
    yield from (first + second for first in few for second in few if first != second)


def seconds(use: Use, text: str) -> float:
    def once() -> float:
        start = time.thread_time()
        if use.method == "search":
            for _ in use.pattern.finditer(text):
                pass
        else:
            getattr(use.pattern, use.method)(text)
        return time.thread_time() - start

    return min(once() for _ in range(2))


def grows(use: Use, short: str, long: str) -> float:
    """The ratio of the times for the long and the short text; repeated, because a busy machine disturbs one."""
    return seconds(use, long) / seconds(use, short)


def trouble(use: Use) -> str | None:
    """A text for which the pattern takes more than linear time, or None."""
    for unit in attacks(use.pattern):
        for end in (ENDING[use.place],) if use.place in ENDING else ("", "\0"):
            short, long = (unit * (size // len(unit)) + end for size in (SHORT, LONG))
            if seconds(use, long) > 5e-4 and (growth := min(grows(use, short, long) for _ in range(3))) > LIMIT:
                return f"{use.place}, {use.method}: {growth:.0f} times as long for 8 times {unit!r}"
    return None


def test_no_pattern_takes_more_than_linear_time() -> None:
    found = uses()
    assert len(found) > 60
    assert {"markup.py", "dates.py", "numbers.py", "encode.py"} <= {Path(use.place.split(":")[0]).name for use in found}

    def stop(*_: object) -> None:
        raise AssertionError(f"{current.place}: `{current.pattern.pattern}` did not come to an end")

    signal.signal(signal.SIGALRM, stop)
    slow = []
    try:
        for current in found:
            signal.setitimer(signal.ITIMER_REAL, 10)
            slow.append(trouble(current))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    assert not [one for one in slow if one]
