"""Running all rules on all examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cnlu.check.annotations import find_bad_spans
from cnlu.check.conflicting_types import find_conflicting_types
from cnlu.check.corpus import Corpus
from cnlu.check.dictionaries import find_unusable_entries, find_unused_entries
from cnlu.check.duplicates import find_near_duplicates_with_two_intents, find_repeats
from cnlu.check.findings import CODES, RENAMED, SEVERITIES, Finding
from cnlu.check.held_out import find_test_in_train, find_unknown_labels
from cnlu.check.invisible import find_invisible
from cnlu.check.labels import find_imbalance, find_rare_labels, find_similar_names, find_suspicious_names
from cnlu.check.missing_annotations import find_missing_annotations
from cnlu.check.near_duplicates import find_near_duplicates
from cnlu.check.scripts import find_mixed_scripts, find_mixed_widths
from cnlu.check.synonyms import find_one_type_values, find_two_values
from cnlu.check.unread_lines import find_reading_issues, find_unreadable
from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu.progress import progress
from cnlu.suggest import nearest

RULES: tuple[tuple[str, Callable[[Corpus], Iterator[Finding]]], ...] = (
    ("lines that cannot be read", find_unreadable),
    ("reading issues", find_reading_issues),
    ("repeated texts", find_repeats),
    ("near duplicates with two intents", find_near_duplicates_with_two_intents),
    ("spans", find_bad_spans),
    ("names", find_similar_names),
    ("names", find_suspicious_names),
    ("few examples", find_rare_labels),
    ("balance", find_imbalance),
    ("missing annotations", find_missing_annotations),
    ("value types", find_conflicting_types),
    ("two values", find_two_values),
    ("values of one type", find_one_type_values),
    ("dictionaries", find_unusable_entries),
    ("dictionaries", find_unused_entries),
    ("near duplicates", find_near_duplicates),
    ("scripts", find_mixed_scripts),
    ("widths", find_mixed_widths),
    ("invisible characters", find_invisible),
    ("labels of the test data", find_unknown_labels),
    ("test texts in training", find_test_in_train),
)
"""Each rule with its name in the progress bar."""

_ALWAYS_REPORTED = "unreadable-example"
"""The code that cannot be ignored, because training refuses such data"""


def check(corpus: Corpus, ignored: frozenset[str] = frozenset()) -> list[Finding]:
    """Run all rules and return the findings, the most severe first, without ignored codes; shows progress on stderr."""
    findings: list[Finding] = []
    with progress("checking", len(RULES), " rules", leave=False, delay=1) as bar:
        for name, rule in RULES:
            bar.set_description(f"checking {name}")
            findings += rule(corpus)
            bar.update()
    order = {code: (SEVERITIES.index(CODES[code]), at) for at, code in enumerate(CODES)}
    return sorted(
        (finding for finding in findings if finding.code not in ignored), key=lambda finding: order[finding.code]
    )


def ignored_codes(written: str, place: str) -> frozenset[str]:
    """Parse codes separated by commas, the value of the setting or option `place`.

    Raises UsageError for a code that is unknown, has been renamed or cannot be ignored.
    """
    codes = [code.strip() for code in written.split(",") if code.strip()]
    for code in codes:
        if code in RENAMED:
            problem = _("the code {code} has a new name", code=repr(code))
            raise UsageError(place, problem, _("write {code}", code=repr(RENAMED[code])))
        if code not in CODES:
            near = nearest(code, CODES)
            fix = _("write {code}", code=repr(near)) if near else _("choose among {codes}", codes=", ".join(CODES))
            raise UsageError(place, _("there is no code {code}", code=repr(code)), fix)
        if code == _ALWAYS_REPORTED:
            problem = _("{code} cannot be ignored, because training refuses such data", code=code)
            raise UsageError(place, problem, _("correct the examples"))
    return frozenset(codes)


def exit_code(findings: list[Finding], fail_on: str) -> int:
    """2 if training would refuse the data, 1 if a finding is at least as severe as `fail_on`, otherwise 0."""
    if any(finding.code == _ALWAYS_REPORTED for finding in findings):
        return 2
    return int(any(SEVERITIES.index(finding.severity) <= SEVERITIES.index(fail_on) for finding in findings))
