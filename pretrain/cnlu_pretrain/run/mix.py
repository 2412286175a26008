"""Further corpora that a run mixes into its own: `--mix CORPUS=SHARE`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu_pretrain.corpus.corpus import Corpus, open_corpus


@dataclass(frozen=True)
class Mixed:
    """A corpus and its share of the rows of a pass."""

    corpus: Path
    share: float


def parse_mix(values: Sequence[str]) -> list[Mixed]:
    """The corpora and shares in `values`, CORPUS=SHARE each; raises UsageError where that is not what they say."""
    mixed = []
    for value in values:
        path, _equals, number = value.rpartition("=")
        try:
            share = float(number)
        except ValueError:
            share = 0.0
        if not path or not 0 < share < 1:
            raise UsageError(
                "--mix",
                _("{value} is not a corpus and its share, above 0 and below 1", value=repr(value)),
                _("write it as in: --mix general-corpus=0.3"),
            )
        mixed.append(Mixed(Path(path), share))
    return mixed


def shares_of(mixed: Sequence[Mixed]) -> list[float]:
    """The share of the run's own corpus, then those of the others; raises UsageError where they leave it nothing."""
    total = sum(one.share for one in mixed)
    if total >= 1:
        raise UsageError(
            "--mix",
            _("the shares sum to {total}, so nothing is left for the first corpus", total=f"{total:g}"),
            _("lower them until they sum to less than 1"),
        )
    return [1 - total, *(one.share for one in mixed)]


def open_corpora(path: Path, mixed: Sequence[Mixed]) -> list[Corpus]:
    """The run's own corpus, then those to mix in.

    Raises UsageError for a corpus without text, or with another tokenizer than that of the first.
    """
    corpora = [_with_text(path), *(_with_text(one.corpus) for one in mixed)]
    for other in corpora[1:]:
        if other.fingerprint != corpora[0].fingerprint:
            raise UsageError(
                other.folder,
                _(
                    "was prepared with another tokenizer (fingerprint {other}) than {corpus} ({fingerprint})",
                    other=other.fingerprint[:12],
                    corpus=path,
                    fingerprint=corpora[0].fingerprint[:12],
                ),
                _("prepare both with the same --encoder and --add-tokens"),
            )
    return corpora


def _with_text(path: Path) -> Corpus:
    corpus = open_corpus(path)
    if not corpus.shards or not corpus.tokens:
        raise UsageError(path, _("the corpus has no text to train on"), _("prepare it again"))
    return corpus
