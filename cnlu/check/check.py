"""All rules over all examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cnlu.check.annotations import find_bad_spans
from cnlu.check.conflicting_types import find_rare_types
from cnlu.check.corpus import Corpus
from cnlu.check.dictionaries import find_unusable_entries, find_unused_entries
from cnlu.check.duplicates import find_alike_under_two_intents, find_repeats
from cnlu.check.findings import CODES, SEVERITIES, Finding
from cnlu.check.held_out import find_test_in_train, find_unknown_labels
from cnlu.check.invisible import find_invisible
from cnlu.check.labels import find_few, find_imbalance, find_odd_names, find_similar_names
from cnlu.check.missing_annotations import find_bare_values
from cnlu.check.near_duplicates import find_near_duplicates
from cnlu.check.scripts import find_mixed_scripts, find_mixed_widths
from cnlu.check.synonyms import find_one_type_values, find_two_values
from cnlu.check.unread_lines import find_reading_issues, find_unreadable
from cnlu.errors import UsageError
from cnlu.progress import progress
from cnlu.suggest import nearest

RULES: tuple[tuple[str, Callable[[Corpus], Iterator[Finding]]], ...] = (
    ("lines that cannot be read", find_unreadable),
    ("lines that are read otherwise", find_reading_issues),
    ("texts that stand twice", find_repeats),
    ("texts under two intents", find_alike_under_two_intents),
    ("spans", find_bad_spans),
    ("names", find_similar_names),
    ("names", find_odd_names),
    ("few examples", find_few),
    ("balance", find_imbalance),
    ("bare values", find_bare_values),
    ("types of values", find_rare_types),
    ("two values", find_two_values),
    ("values of one type", find_one_type_values),
    ("dictionaries", find_unusable_entries),
    ("dictionaries", find_unused_entries),
    ("near duplicates", find_near_duplicates),
    ("scripts", find_mixed_scripts),
    ("widths", find_mixed_widths),
    ("invisible characters", find_invisible),
    ("labels of the test", find_unknown_labels),
    ("the test in training", find_test_in_train),
)
"""What the progress shows, and the rule."""

NEEDED = "unreadable-example"
"""The code that cannot be silenced: training would refuse the data all the same."""


def check(corpus: Corpus, ignored: frozenset[str] = frozenset()) -> list[Finding]:
    """The findings, the worst first, without those of ignored codes; progress on standard error."""
    found: list[Finding] = []
    with progress("checking", len(RULES), " rules", leave=False, delay=1) as bar:
        for name, rule in RULES:
            bar.set_description(f"checking {name}")
            found += rule(corpus)
            bar.update()
    order = {code: (SEVERITIES.index(CODES[code].severity), at) for at, code in enumerate(CODES)}
    return sorted((one for one in found if one.code not in ignored), key=lambda one: order[one.code])


def ignored_codes(written: str) -> frozenset[str]:
    """Codes separated by commas. Raises UsageError for one that does not exist or cannot be left out."""
    codes = [code.strip() for code in written.split(",") if code.strip()]
    for code in codes:
        if code not in CODES:
            near = nearest(code, CODES)
            advice = f"did you mean {near!r}?" if near else f"there are: {', '.join(CODES)}."
            raise UsageError(f"there is no code {code!r} to ignore; {advice}")
        if code == NEEDED:
            raise UsageError(f"{code} cannot be ignored, for training refuses such data; mend the examples.")
    return frozenset(codes)


def exit_code(found: list[Finding], fail_on: str) -> int:
    """2 where training would refuse the data, 1 where a finding is at least as severe as `fail_on`, else 0."""
    if any(one.code == NEEDED for one in found):
        return 2
    return int(any(SEVERITIES.index(one.severity) <= SEVERITIES.index(fail_on) for one in found))
