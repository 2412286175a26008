"""Lines of general text that resemble the sentences of a domain, as text for continued pretraining.

    python benchmarks/nearest_lines.py GENERAL.txt[.xz] --like TEXT|NLU_DATA... --out NEAR.txt [--each 6]

For each sentence of --like, takes the --each lines of 4 to 40 characters with the highest cosine between TF-IDF vectors
of characters and character pairs (kNN-TAPT, Gururangan et al. 2020, arXiv 2004.10964, section 5.2, does it with VAMPIRE
vectors). Terms are those of at least two sentences of --like. The order of the lines depends on their text alone.
"""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from cnlu.data.unlabelled import read_texts

SHORTEST, LONGEST = 4, 40
ALL = 1 << 30


def main() -> None:
    parser = argparse.ArgumentParser(description="Lines of general text that resemble a domain.")
    parser.add_argument("general")
    parser.add_argument("--like", nargs="+", required=True, metavar="TEXT|NLU_DATA")
    parser.add_argument("--each", type=int, default=6, metavar="N")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    like = read_texts(arguments.like, ALL, 1, [])
    lines = [line for line in read_texts([arguments.general], ALL, 1, []) if SHORTEST <= len(line) <= LONGEST]
    found = nearest(like, lines, arguments.each)
    arguments.out.write_text("\n\n".join(lines[i] for i in found) + "\n", "utf-8")
    print(f"{arguments.out}: {len(found)} of {len(lines)} lines, near {len(like)} sentences")


def nearest(like: list[str], lines: list[str], each: int) -> NDArray[np.int64]:
    """Indices of the lines that are among the `each` nearest of a sentence, ascending."""
    counts = Counter(term for text in like for term in set(terms(text)))
    kept = [term for term, count in counts.items() if count > 1]
    number = {term: i for i, term in enumerate(kept)}
    idf = np.array([np.log((1 + len(like)) / (1 + counts[term])) + 1 for term in kept], np.float32)
    postings = _postings(lines, number, idf)
    near: set[int] = set()
    for text in tqdm(like, desc="searching"):
        ids, weights = vector(text, number, idf)
        if not len(ids):
            continue
        at = np.concatenate([postings[i][0] for i in ids])
        products = np.concatenate([postings[i][1] * weight for i, weight in zip(ids, weights, strict=True)])
        scores = np.bincount(at, products, len(lines))
        best = np.argpartition(-scores, min(each, len(lines) - 1))[:each]
        near.update(best[scores[best] > 0].tolist())
    return np.array(sorted(near), np.int64)


def terms(text: str) -> list[str]:
    """The characters and the pairs of adjacent characters."""
    return [*text, *map("".join, itertools.pairwise(text))]


def vector(
    text: str, number: dict[str, int], idf: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The terms of a text and their TF-IDF weights of length 1; term frequencies are 1 + log."""
    counts = Counter(number[term] for term in terms(text) if term in number)
    ids = np.fromiter(counts.keys(), np.int64, len(counts))
    weights = (1 + np.log(np.fromiter(counts.values(), np.float32, len(counts)))) * idf[ids]
    return ids, weights / max(float(np.linalg.norm(weights)), 1e-9)


def _postings(
    lines: list[str], number: dict[str, int], idf: NDArray[np.float32]
) -> list[tuple[NDArray[np.int32], NDArray[np.float32]]]:
    """For each term, the lines that have it, and its weight there."""
    vectors = [vector(line, number, idf) for line in tqdm(lines, desc="indexing")]
    at = np.repeat(np.arange(len(lines), dtype=np.int32), [len(ids) for ids, _weights in vectors])
    ids = np.concatenate([ids for ids, _weights in vectors])
    weights = np.concatenate([weights for _ids, weights in vectors]).astype(np.float32)
    order = np.argsort(ids, kind="stable")
    first = np.searchsorted(ids[order], np.arange(len(number) + 1))
    bounds = list(itertools.pairwise(first))
    return [(at[order[low:high]], weights[order[low:high]]) for low, high in bounds]


if __name__ == "__main__":
    main()
