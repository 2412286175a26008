"""Out-of-fold scores: training sentences are scored by members that have not learned from them.

If there are too few sentences for a dev split, they are split into folds, and each member of the ensemble leaves one
fold out (as in Krogh & Vedelsby 1995, Neural Network Ensembles, Cross Validation, and Active Learning). Its scores of
that fold are those of unseen sentences, so they calibrate. Then all members learn from all sentences.

A member mask is an integer whose bit m is set for member m.
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
"""Minimum number of folds. With more members there is one fold each; with fewer, all members learn from the rest"""


def hold_out_by_member(examples: Sequence[Example], members: int, seed: int) -> list[int]:
    """For each example the mask of the member that does not learn from it at first, or 0.

    All examples of a text are in one fold. An example is not left out if no other fold has its intent, because a
    member that has never seen an intent gives scores that are useless for calibration.
    """
    texts = len({example.text for example in examples})
    if texts < 2:
        return [0] * len(examples)
    folds = stratified_folds(examples, min(max(members, FOLDS), texts), seed)
    folds_of: dict[str | None, set[int]] = {}
    for example, fold in zip(examples, folds, strict=True):
        folds_of.setdefault(example.intent, set()).add(fold)
    return [
        1 << fold if fold < members and len(folds_of[example.intent]) > 1 else 0
        for example, fold in zip(examples, folds, strict=True)
    ]


def group_by_mask(examples: Sequence[Example], held_out_by: Sequence[int]) -> dict[int, list[Example]]:
    """The examples by member mask; all under 0 if `held_out_by` is empty."""
    groups: dict[int, list[Example]] = {}
    for example, mask in zip(examples, held_out_by or [0] * len(examples), strict=True):
        groups.setdefault(mask, []).append(example)
    return groups


def featurize_by_mask(
    examples: Mapping[int, Sequence[Example]],
    extractor: Extractor,
    labels: Labels,
    config: Config,
    tokenizer: AlignedTokenizer | None = None,
    initial_vocabularies: Vocabularies | None = None,
) -> tuple[list[Row], Vocabularies]:
    """`featurize` for examples by member mask, with the mask in each row."""
    groups, vocabularies = featurize(
        groups=list(examples.values()),
        extractor=extractor,
        labels=labels,
        config=config,
        tokenizer=tokenizer,
        initial_vocabularies=initial_vocabularies,
    )
    rows = [replace(row, held_out_by=mask) for mask, group in zip(examples, groups, strict=True) for row in group]
    return rows, vocabularies


def all_members(members: int) -> int:
    """The mask of all members."""
    return (1 << members) - 1


def select_learned(
    member: int, batch: dict[str, Tensor], encoder_output: EncoderOutput | None
) -> tuple[dict[str, Tensor], EncoderOutput | None]:
    """The rows of a collated batch that this member learns from, and the encoder's output for them."""
    if "held_out_by" not in batch:
        return batch, encoder_output
    learned = (batch["held_out_by"] >> member) & 1 == 0
    selected = {name: tensor[learned] for name, tensor in batch.items() if name not in ("labelled_rows", "held_out_by")}
    labelled = torch.zeros_like(learned)
    labelled[batch["labelled_rows"]] = True
    selected["labelled_rows"] = labelled[learned].nonzero()[:, 0]
    if encoder_output is None:
        return selected, None
    return selected, EncoderOutput(encoder_output.characters[learned], encoder_output.views[learned])


def zero_unseen_features(network: Ensemble, rows: Iterable[Row]) -> None:
    """Zero the weights of features that occur in none of a member's own rows, so that they count as unknown."""
    rows = list(rows)
    with torch.no_grad():
        for number, member in enumerate(network.networks()):
            for name in ("characters", "sentence"):
                table = getattr(member, name).table.weight
                seen = np.zeros(len(table), bool)
                for row in rows:
                    if not row.held_out_by >> number & 1:
                        seen[getattr(row, name).ravel()] = True
                table[torch.from_numpy(~seen).to(table.device)] = 0.0


def out_of_fold_outputs(network: Ensemble, batch: dict[str, Tensor]) -> Outputs:
    """The outputs of the network, where each text is scored only by the members that have not learned from it."""
    if "held_out_by" not in batch:
        outputs: Outputs = network(batch)
        return outputs
    members, encoder_output = network.networks(), network.encode(batch)
    bits = torch.stack([(batch["held_out_by"] >> number) & 1 for number in range(len(members))]).float()
    shares = bits / bits.sum(0) * len(members)
    outputs_of = [member(batch["characters"], batch["sentence"], batch["mask"], encoder_output) for member in members]
    weighted = [
        Outputs(*(part * share.view(-1, *[1] * (part.ndim - 1)) for part in outputs))
        for outputs, share in zip(outputs_of, shares, strict=True)
    ]
    mean = mean_outputs(weighted)
    return mean._replace(intent=pooled(mean.intent, batch["mask"])) if mean.intent.ndim == 3 else mean
