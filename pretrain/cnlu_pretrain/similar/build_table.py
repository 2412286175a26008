"""The steps of `cnlu pretrain similar`: a table of similar words from text, vectors or lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cnlu.errors import DataError, UsageError
from cnlu.i18n import _
from cnlu_pretrain.config import SimilarConfig
from cnlu_pretrain.similar.contexts import is_chinese
from cnlu_pretrain.similar.sources import Neighbours, WordList, read_antonyms, read_cilin, read_tsv
from cnlu_pretrain.similar.substitutes import learn_neighbours
from cnlu_pretrain.similar.table import BUNDLED_TABLE, WordTable, load_table
from cnlu_pretrain.similar.vectors import neighbours, read_vectors


@dataclass(frozen=True, kw_only=True)
class SimilarRequest:
    """The options of `cnlu pretrain similar`; at most one of texts, vectors, cilin, tsv and table is given.

    Without one of them, `show` reads the table that is installed with cnlu.
    """

    config: SimilarConfig
    texts: Sequence[str] = ()
    vectors: Path | None = None
    cilin: Path | None = None
    tsv: Path | None = None
    table: Path | None = None
    antonyms: Path | None = None
    out: Path | None = None
    show: Sequence[str] = ()
    force: bool = False


def similar(request: SimilarRequest, log: Callable[[str], None], show: Callable[[str], None]) -> None:
    """Make a table of similar words, or show one; raises CnluError for whatever the user can fix."""
    _check(request)
    known = request.table or (None if any(_sources(request)) else BUNDLED_TABLE)
    table = load_table(known) if known else _new_table(request, log)
    if request.out:
        table.save(request.out)
        log(f"{request.out}: {len(table.words)} words with {len(table.neighbours)} neighbours")
    for word in request.show:
        near = ", ".join(f"{other} {cosine:.2f}" for other, cosine in table.neighbours_of(word))
        show(f"{word}: {near or 'no similar words; masking uses [MASK]'}")


def _check(request: SimilarRequest) -> None:
    given = sum(map(bool, _sources(request)))
    if given > 1 or (not given and (request.out or request.antonyms)):
        raise UsageError(
            "--text, --vectors, --cilin, --tsv, --table",
            _("exactly one source of similar words is needed"),
            _("give one of these options"),
        )
    if request.table and (request.out or request.antonyms):
        raise UsageError(
            "--table",
            _("an existing table can only be shown"),
            _("leave --out and --antonyms out, or give another source"),
        )
    if not request.out and not request.show:
        raise UsageError(
            "--out, --show",
            _("there is nothing to do"),
            _("give --out F.npz to write the table, --show WORD... to look at it, or both"),
        )
    if request.out and request.out.exists() and not request.force:
        raise UsageError(
            request.out, _("the file exists already"), _("choose another --out or replace it with --force")
        )
    if request.out and request.out.is_dir():
        raise UsageError(request.out, _("this is a directory"), _("name a file with --out"))


def _sources(request: SimilarRequest) -> tuple[object, ...]:
    return (request.texts, request.vectors, request.cilin, request.tsv, request.table)


def _new_table(request: SimilarRequest, log: Callable[[str], None]) -> WordTable:
    antonyms = read_antonyms(request.antonyms) if request.antonyms else set()
    config = request.config
    if request.texts:
        config = replace(config, min_cosine=config.min_cosine_text)
    table = build_table(_candidates(request, log), config, antonyms)
    if not len(table.neighbours):
        raise DataError(
            "similar.min_cosine_text" if request.texts else "similar.min_cosine",
            _("no two words of the same length are similar enough"),
            _("lower it or give more text"),
        )
    return table


def _candidates(request: SimilarRequest, log: Callable[[str], None]) -> Neighbours:
    if request.cilin:
        return _readable(read_cilin(request.cilin), log)
    if request.tsv:
        return _readable(read_tsv(request.tsv), log)
    if request.vectors:
        return neighbours(read_vectors(request.vectors, request.config.most_words), request.config)
    return learn_neighbours(request.texts, request.config)


def _readable(words: WordList, log: Callable[[str], None]) -> Neighbours:
    if words.broken:
        log(f"{len(words.broken)} lines cannot be used: " + " ".join(words.broken[:5]))
    return words.neighbours


def build_table(
    candidates: Neighbours, config: SimilarConfig, antonyms: set[tuple[str, str]] | None = None
) -> WordTable:
    """Keep neighbours of the same length that are purely Chinese, similar enough and not antonyms."""
    kept: Neighbours = {}
    for word, others in candidates.items():
        near = [
            (other, cosine)
            for other, cosine in others
            if len(other) == len(word)
            and other != word
            and cosine >= config.min_cosine
            and is_chinese(word)
            and is_chinese(other)
            and (word, other) not in (antonyms or ())
        ]
        if near:
            kept[word] = near[: config.neighbours]
    words = sorted({*kept, *(other for others in kept.values() for other, _cosine in others)})
    number = {word: i for i, word in enumerate(words)}
    counts = [len(kept.get(word, ())) for word in words]
    pairs = [pair for word in words for pair in kept.get(word, ())]
    return WordTable(
        words,
        np.append(0, np.cumsum(counts)).astype(np.int64),
        np.array([number[other] for other, _cosine in pairs], np.int32),
        np.array([cosine for _other, cosine in pairs], np.float32),
    )
