"""The student's vocabulary: the pieces of the teacher's that the corpus needs, and the corpus in their ids."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnlu.errors import DataError
from cnlu.i18n import _
from cnlu.text.chars import is_han
from cnlu.text.tokens import SpecialTokens
from cnlu_pretrain.corpus.corpus import Corpus
from cnlu_pretrain.corpus.shards import Arrays, Shard


@dataclass(frozen=True, kw_only=True)
class SmallerCorpus(Corpus):
    """A corpus in the ids of a smaller vocabulary; pieces that were left out become the unknown token."""

    new_id: NDArray[np.int64]
    """[V] the new id of each id on disk"""

    def read(self, shard: Shard) -> Arrays:
        arrays = super().read(shard)
        tokens = _Renumbered(arrays.tokens, self.new_id.astype(self.token_type))
        return Arrays(tokens, arrays.flags, arrays.sentences, arrays.documents)


@dataclass(frozen=True)
class _Renumbered:
    """The tokens of a shard, renumbered as they are read, so that memory holds no copy of the shard."""

    tokens: NDArray[Any]
    new_id: NDArray[Any]

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: Any) -> Any:
        return self.new_id[self.tokens[index]]


def kept_ids(corpora: Sequence[Corpus], min_count: int) -> NDArray[np.int64]:
    """[N] the sorted ids of the student's pieces: special tokens, all single characters, and frequent other pieces.

    The corpora have one tokenizer, and a piece is frequent if they have it `min_count` times together.

    Words of letters and digits can still be spelled: their `##` characters stay too. The vocabulary of Chinese BERT
    also has every Han character as a `##` piece, which its tokenizer never uses. Raises DataError where the tokenizer
    is not WordPiece: pieces of other kinds cannot be left out one by one.
    """
    corpus = corpora[0]
    content = json.loads(corpus.tokenizer)
    if content["model"].get("type") != "WordPiece":
        raise DataError(
            corpus.folder,
            _("was prepared with a tokenizer that is not WordPiece, so its vocabulary cannot be reduced"),
            _("use a teacher of the BERT family"),
        )
    counts = np.zeros(corpus.vocabulary, np.int64)
    for one in corpora:
        for shard in one.shards:
            counts += np.bincount(one.read(shard).tokens, minlength=corpus.vocabulary)
    pieces = _pieces(content, corpus.vocabulary)
    special_tokens = _special_ids(corpus)
    keep = [
        i for i, piece in enumerate(pieces) if i in special_tokens or counts[i] >= min_count or _is_character(piece)
    ]
    return np.array(keep, np.int64)


def smaller_corpus(corpus: Corpus, keep: NDArray[np.int64]) -> SmallerCorpus:
    """The corpus as a tokenizer with only the pieces `keep` would encode it, except for words with rare pieces."""
    unknown = corpus.special_tokens.unknown
    assert unknown is not None  # a WordPiece has an unknown token
    new_id = np.full(corpus.vocabulary, int(np.searchsorted(keep, unknown)), np.int64)
    new_id[keep] = np.arange(len(keep))
    return SmallerCorpus(
        folder=corpus.folder,
        tokenizer=json.dumps(_tokenizer(json.loads(corpus.tokenizer), new_id, keep), ensure_ascii=False),
        special_tokens=_renumbered(corpus.special_tokens, new_id),
        mask=int(new_id[corpus.mask]),
        vocabulary=len(keep),
        token_type=corpus.token_type,
        shards=corpus.shards,
        held_out=corpus.held_out,
        manifest=corpus.manifest,
        new_id=new_id,
    )


def _is_character(piece: str) -> bool:
    """Whether the piece is a single character, or a `##` continuation of one that is not Han."""
    continued = piece.startswith("##") and len(piece) == 3
    return (len(piece) == 1 and not piece.isspace()) or (continued and not is_han(piece[2]))


def _special_ids(corpus: Corpus) -> set[int]:
    tokens = corpus.special_tokens
    unknown = [] if tokens.unknown is None else [tokens.unknown]
    return {*tokens.before, *tokens.after, tokens.pad, *unknown, corpus.mask}


def _pieces(content: dict[str, Any], vocabulary: int) -> list[str]:
    pieces = [""] * vocabulary
    for piece, i in content["model"]["vocab"].items():
        pieces[i] = piece
    for token in content.get("added_tokens") or ():
        pieces[token["id"]] = token["content"]
    return pieces


def _renumbered(tokens: SpecialTokens, new_id: NDArray[np.int64]) -> SpecialTokens:
    return replace(
        tokens,
        before=[int(new_id[i]) for i in tokens.before],
        after=[int(new_id[i]) for i in tokens.after],
        pad=int(new_id[tokens.pad]),
        unknown=None if tokens.unknown is None else int(new_id[tokens.unknown]),
    )


def _tokenizer(content: dict[str, Any], new_id: NDArray[np.int64], keep: NDArray[np.int64]) -> dict[str, Any]:
    """The tokenizer.json with the pieces `keep` alone."""
    kept = set(keep.tolist())
    vocabulary = content["model"]["vocab"]
    content["model"]["vocab"] = {
        piece: int(new_id[i]) for piece, i in sorted(vocabulary.items(), key=lambda item: item[1]) if i in kept
    }
    content["added_tokens"] = [
        {**token, "id": int(new_id[token["id"]])} for token in content.get("added_tokens") or () if token["id"] in kept
    ]
    content["post_processor"] = None  # write_encoder makes a new one
    return content
