"""Scores of training sentences by networks that have not learned from them, without a further training.

Too few sentences to hold a useful part out are divided into folds, and each member of the ensemble leaves one of them
out while it learns (as in Krogh & Vedelsby 1995, Neural Network Ensembles, Cross Validation, and Active Learning). Its
scores of that fold are those of new sentences, and calibrate; then all members learn from all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from cnlu.config import Config
from cnlu.data.schema import Example
from cnlu.data.split import stratified_folds
from cnlu.features.extract import Extractor
from cnlu.features.vocabulary import Vocabularies
from cnlu.model.encoder_output import EncoderOutput
from cnlu.model.ensemble import Ensemble, mean_outputs
from cnlu.model.network import Outputs, pooled
from cnlu.runtime.labels import Labels
from cnlu.text.tokens import AlignedTokenizer
from cnlu.training.data.featurize import Row, featurize

FOLDS = 4
"""At least; an ensemble of more members has as many as members, one of fewer leaves some folds to be learned by all"""


def hold_out_by_member(examples: Sequence[Example], members: int, seed: int) -> list[int]:
    """Of each example the bits of the members that do not learn from it at first: one member's, or none.

    A text stands in one fold only. An example is not left out where no other fold has one of its intent: a member that
    knows nothing of an intent tells nothing of how sure those are that do.
    """
    texts = len({example.text for example in examples})
    if texts < 2:
        return [0] * len(examples)
    folds = stratified_folds(examples, min(max(members, FOLDS), texts), seed)
    spread: dict[str | None, set[int]] = {}
    for example, fold in zip(examples, folds, strict=True):
        spread.setdefault(example.intent, set()).add(fold)
    return [
        1 << fold if fold < members and len(spread[example.intent]) > 1 else 0
        for example, fold in zip(examples, folds, strict=True)
    ]


def group_by_mask(examples: Sequence[Example], held_out_by: Sequence[int]) -> dict[int, list[Example]]:
    """The examples by their bits; all under 0 where `held_out_by` is empty."""
    found: dict[int, list[Example]] = {}
    for example, bits in zip(examples, held_out_by or [0] * len(examples), strict=True):
        found.setdefault(bits, []).append(example)
    return found


def featurize_by_mask(
    learned: Mapping[int, Sequence[Example]],
    extractor: Extractor,
    labels: Labels,
    config: Config,
    tokenizer: AlignedTokenizer | None = None,
    known: Vocabularies | None = None,
) -> tuple[list[Row], Vocabularies]:
    """`rows.featurize` of examples by their bits, which the rows bear."""
    groups, vocabularies = featurize(list(learned.values()), extractor, labels, config, tokenizer, known)
    rows = [replace(row, held_out_by=bits) for bits, group in zip(learned, groups, strict=True) for row in group]
    return rows, vocabularies


def all_members(members: int) -> int:
    """The bits of all members."""
    return (1 << members) - 1


def select_learned(
    member: int, batch: dict[str, Tensor], read: EncoderOutput | None
) -> tuple[dict[str, Tensor], EncoderOutput | None]:
    """The rows of a collated batch, and what the encoder says of them, that this member learns from."""
    if "held_out_by" not in batch:
        return batch, read
    learned = (batch["held_out_by"] >> member) & 1 == 0
    own = {name: tensor[learned] for name, tensor in batch.items() if name not in ("known", "held_out_by")}
    known = torch.zeros_like(learned)
    known[batch["known"]] = True
    own["known"] = known[learned].nonzero()[:, 0]
    return own, EncoderOutput(read.characters[learned], read.views[learned]) if read else None


def zero_unseen_features(network: Ensemble, rows: Iterable[Row]) -> None:
    """Zeroes what a member would say of features that none of its own rows has: to it they are unknown."""
    rows = list(rows)
    with torch.no_grad():
        for number, member in enumerate(network.networks()):
            for name in ("characters", "sentence"):
                table = getattr(member, name).table.weight
                met = np.zeros(len(table), bool)
                for row in rows:
                    if not row.held_out_by >> number & 1:
                        met[getattr(row, name).ravel()] = True
                table[torch.from_numpy(~met).to(table.device)] = 0.0


def out_of_fold_outputs(network: Ensemble, batch: dict[str, Tensor]) -> Outputs:
    """As the network's own, but of each text by those members alone that have not learned from it."""
    if "held_out_by" not in batch:
        found: Outputs = network(batch)
        return found
    members, read = network.networks(), network.encode(batch)
    bits = torch.stack([(batch["held_out_by"] >> number) & 1 for number in range(len(members))]).float()
    shares = bits / bits.sum(0) * len(members)
    answers = [member(batch["characters"], batch["sentence"], batch["mask"], read) for member in members]
    weighted = [
        Outputs(*(part * share.view(-1, *[1] * (part.ndim - 1)) for part in answer))
        for answer, share in zip(answers, shares, strict=True)
    ]
    mean = mean_outputs(weighted)
    return mean._replace(intent=pooled(mean.intent, batch["mask"])) if mean.intent.ndim == 3 else mean
