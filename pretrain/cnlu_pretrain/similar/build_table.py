"""The steps of `cnlu pretrain similar`: a table of similar words from whatever the user has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnlu.errors import DataError, UsageError
from cnlu_pretrain.config import SimilarConfig
from cnlu_pretrain.similar.sources import Neighbours, read_antonyms, read_cilin, read_tsv
from cnlu_pretrain.similar.table import WordTable, load_table
from cnlu_pretrain.similar.vectors import is_chinese, learn_vectors, neighbours, read_vectors


@dataclass(frozen=True)
class SimilarRequest:
    """What was asked of `cnlu pretrain similar`; exactly one of the first five is given."""

    config: SimilarConfig
    text: Sequence[str] = ()
    vectors: Path | None = None
    cilin: Path | None = None
    tsv: Path | None = None
    table: Path | None = None
    antonyms: Path | None = None
    out: Path | None = None
    show: Sequence[str] = ()
    force: bool = False


def similar(request: SimilarRequest, log: Callable[[str], None], show: Callable[[str], None]) -> None:
    """Raises CnluError for whatever the user can mend."""
    given = [bool(one) for one in (request.text, request.vectors, request.cilin, request.tsv, request.table)]
    if sum(given) != 1:
        raise UsageError("Give one of --text, --vectors, --cilin, --tsv and --table.")
    if request.table and (request.out or request.antonyms):
        raise UsageError("--table is only shown: --out and --antonyms go with the other sources.")
    if not request.out and not request.show:
        raise UsageError("Give --out F.npz to write the table, --show WORD... to look at it, or both.")
    if request.out and request.out.exists() and not request.force:
        raise UsageError(f"{request.out}: exists already; choose another --out or replace it with --force.")
    if request.out and request.out.is_dir():
        raise UsageError(f"{request.out}: is a folder; name a file with --out.")
    table = load_table(request.table) if request.table else _made(request, log)
    if request.out:
        table.save(request.out)
        log(f"{request.out}: {len(table.words)} words with {len(table.neighbours)} neighbours")
    for word in request.show:
        near = ", ".join(f"{other} {cosine:.2f}" for other, cosine in table.of(word))
        show(f"{word}: {near or 'no similar words; a random one of its length would stand in'}")


def _made(request: SimilarRequest, log: Callable[[str], None]) -> WordTable:
    if request.cilin or request.tsv:
        assert request.cilin or request.tsv
        read = read_cilin(request.cilin) if request.cilin else read_tsv(request.tsv)  # type: ignore[arg-type]
        if read.broken:
            log(f"{len(read.broken)} lines cannot be used: " + " ".join(read.broken[:5]))
        found = read.neighbours
    else:
        vectors = (
            read_vectors(request.vectors, request.config.most_words)
            if request.vectors
            else learn_vectors(request.text, request.config)
        )
        found = neighbours(vectors, request.config)
    antonyms = read_antonyms(request.antonyms) if request.antonyms else set()
    table = build_table(found, request.config, antonyms)
    if not len(table.neighbours):
        raise DataError("No two words of one length are similar enough; lower similar.min_cosine or give more text.")
    return table


def build_table(found: Neighbours, config: SimilarConfig, antonyms: set[tuple[str, str]] | None = None) -> WordTable:
    """Neighbours of the same length, purely Chinese, similar enough, none an antonym."""
    kept: Neighbours = {}
    for word, others in found.items():
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
    words = sorted({*kept, *(other for others in kept.values() for other, _ in others)})
    number = {word: i for i, word in enumerate(words)}
    counts = [len(kept.get(word, ())) for word in words]
    pairs = [pair for word in words for pair in kept.get(word, ())]
    return WordTable(
        words,
        np.append(0, np.cumsum(counts)).astype(np.int64),
        np.array([number[other] for other, _ in pairs], np.int32),
        np.array([cosine for _, cosine in pairs], np.float32),
    )
