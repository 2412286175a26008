from __future__ import annotations

from dataclasses import fields

import pytest

pytest.importorskip("torch", reason="the network needs the extra cnlu[train]")

import torch

from cnlu.config import ModelConfig
from cnlu.data.grouping import ItemSet
from cnlu.data.tags import TagSet
from cnlu.features.vocabulary import Vocabulary
from cnlu.model.losses import IGNORE_INDEX, intent_loss, joint_loss
from cnlu.model.network import JointNetwork, Sizes
from cnlu.text.view import view
from cnlu.training.data.character_masking import CharacterMasking

SMALL = {"sparse_width": 16, "width": 16, "heads": 4, "feedforward": 32, "label_width": 8}
STILL = {"sparse_dropout": 0.0, "sentence_dropout": 0.0, "dropout": 0.0}
TAGS = TagSet(["city", "date"], "BIO")


def build(**settings: object) -> JointNetwork:
    torch.manual_seed(0)
    config = ModelConfig(**{**SMALL, **settings})  # type: ignore[arg-type]
    tags = TagSet(["city", "date"], config.tagging)
    sizes = Sizes(
        character_features=50,
        sentence_features=40,
        intents=30,
        roles=2,
        groups=2,
        characters=20 if config.masked_tokens else 0,
    )
    network = JointNetwork(config, sizes, tags, ItemSet(["1"], True))
    torch.nn.init.normal_(network.mask_vector) if config.masked_tokens else None
    return network


def batch(length: int = 7, padding: int = 0) -> dict[str, torch.Tensor]:
    """A batch of two texts, with `padding` extra characters, character features and sentence features."""
    draw = torch.Generator().manual_seed(1)
    characters = torch.randint(1, 50, (2, length, 4), generator=draw)
    sentence = torch.randint(1, 40, (2, 6), generator=draw)
    grown = torch.nn.functional.pad
    part = torch.where(torch.arange(length) < 3, 1, IGNORE_INDEX).expand(2, -1)
    return {
        "characters": grown(characters, (0, padding, 0, padding)),
        "sentence": grown(sentence, (0, padding)),
        "mask": grown(torch.ones(2, length), (0, padding)),
        "tags": grown(torch.tensor([1, 2, 2, 0, 3, 4, 0]).expand(2, -1), (0, padding)),
        "roles": grown(part, (0, padding), value=IGNORE_INDEX),
        "intent": torch.tensor([3, IGNORE_INDEX]),
        "items": torch.tensor([[1], [0]]),
        "items_spans": torch.tensor([[[0, 1, 3]]]).expand(2, -1, -1),
        "items_grouped": torch.ones(2, 1, 7),
        "items_begins": torch.ones(2, 1, 5),
        "items_similarity": torch.zeros(2, 1, 2, 2),
        "items_rank": torch.zeros(2, 1, dtype=torch.long),
        "items_max_repeats": torch.ones(2, dtype=torch.long),
    }


def read(network: JointNetwork, given: dict[str, torch.Tensor]):  # type: ignore[no-untyped-def]
    return network(given["characters"], given["sentence"], given["mask"])


@pytest.mark.parametrize("layers", [0, 2])
def test_padding_changes_no_answer(layers: int) -> None:
    network = build(layers=layers).eval()
    plain, padded = read(network, batch()), read(network, batch(padding=5))
    assert torch.allclose(padded.intent, plain.intent, atol=1e-5)
    for name in ("emissions", "roles", "groups"):
        assert torch.allclose(getattr(padded, name)[:, :7], getattr(plain, name), atol=1e-5)


def test_padding_changes_no_loss() -> None:
    network = build().eval()
    plain, padded = batch(), batch(padding=5)
    expected = joint_loss(network, read(network, plain), plain)
    found = joint_loss(network, read(network, padded), padded)
    assert set(expected) == {"entity", "roles", "groups", "intent"}
    for name, loss in expected.items():
        assert torch.allclose(found[name], loss, atol=1e-4)


def test_similarity_against_all_other_labels_is_cross_entropy() -> None:
    scores, gold = torch.randn(4, 6), torch.tensor([0, 5, IGNORE_INDEX, 2])
    known = gold != IGNORE_INDEX
    expected = torch.nn.functional.cross_entropy(scores[known], gold[known])
    similarity = ModelConfig(intent_loss="similarity", negatives=5)
    assert torch.allclose(intent_loss(scores, gold, similarity), expected)


def test_similarity_never_takes_the_gold_label_for_a_negative() -> None:
    scores = torch.full((2, 3), -100.0)
    scores[:, 1] = 100.0
    one = ModelConfig(intent_loss="similarity", negatives=1)
    for _ in range(20):
        assert intent_loss(scores, torch.tensor([1, 1]), one).item() == 0.0


@pytest.mark.parametrize("scores", [torch.randn(2, 0), torch.randn(2, 1)])
def test_without_a_choice_of_intents_there_is_no_loss(scores: torch.Tensor) -> None:
    assert intent_loss(scores, torch.tensor([IGNORE_INDEX, IGNORE_INDEX]), ModelConfig()).item() == 0.0


def test_masked_characters_do_not_reach_the_input() -> None:
    """Texts that differ only in masked characters give the same inputs, even if their words differ."""
    from cnlu.config import Config
    from cnlu.features.build_extractor import build_extractor
    from cnlu.features.vocabulary import VocabularyBuilder

    texts = ["从哈尔滨西站坐动车去呼和浩特东站多少钱", "从哈尔滨西站坐动车去呼和浩特西边多少钱"]
    changed = [i for i, (a, b) in enumerate(zip(*texts, strict=True)) if a != b]
    extractor = build_extractor(Config(), {"站": ["呼和浩特东站", "哈尔滨西站"]}, {"价": ["东站.*钱"]})
    builder = VocabularyBuilder()
    found = [extractor.extract(view(text)).characters for text in texts]
    for rows in found:
        for row in rows:
            builder.add(row)
    vocabulary: Vocabulary = builder.build(1, 10_000)[0]
    character_masking = CharacterMasking.build(vocabulary, torch.device("cpu"))
    pad = max(len(row) for rows in found for row in rows)
    ids = torch.tensor([[[vocabulary.ids[f] for f in row] + [0] * (pad - len(row)) for row in rows] for rows in found])
    given = {"characters": ids, "sentence": torch.ones(2, 3, dtype=torch.long), "mask": torch.ones(ids.shape[:2])}
    hide_those = torch.ones(ids.shape[:2])
    hide_those[:, changed] = 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "rand", lambda *shape, **options: hide_those)
        inputs, hide, target = character_masking.hide(given)
    assert hide[0].nonzero().flatten().tolist() == changed
    one, other = ([sorted(row) for row in text] for text in inputs["characters"].tolist())
    assert one == other and any(map(any, one))
    assert not inputs["sentence"].any()
    assert (target[0, changed] != target[1, changed]).all()


def training_loss(**settings: object) -> tuple[object, ...]:
    """The shapes of the parameters and the losses, which any setting of the network changes."""
    network = build(**settings).train()
    torch.manual_seed(2)
    given = batch()
    losses = {k: round(v.item(), 6) for k, v in joint_loss(network, read(network, given), given).items()}
    return tuple(tuple(p.shape) for p in network.parameters()), tuple(sorted(losses.items()))


PLAIN = {
    "intent_loss": "cross_entropy",
    "label_smoothing": 0.0,
    "layers": 2,
    "relative_distance": 8,
    "tagging": "BIO",
    "masked_tokens": 0.0,
    "intent_weight": 1.0,
    "entity_weight": 1.0,
    **STILL,
}
EFFECTS: list[dict[str, object]] = [
    {"sparse_width": 24},
    {"width": 24},
    {"layers": 1},
    {"heads": 2},
    {"feedforward": 48},
    {"relative_distance": 2},
    {"sparse_dropout": 0.5},
    {"sentence_dropout": 0.5},
    {"dropout": 0.5},
    {"tagging": "BILOU"},
    {"label_width": 12},
    {"intent_loss": "similarity", "negatives": 5},
    {"label_smoothing": 0.2},
    {"masked_tokens": 1.0},
    {"intent_weight": 2.0},
    {"entity_weight": 2.0},
]


@pytest.mark.parametrize("setting", EFFECTS, ids=lambda setting: next(iter(setting)))
def test_a_setting_of_the_network_has_an_effect(setting: dict[str, object]) -> None:
    assert training_loss(**PLAIN) != training_loss(**{**PLAIN, **setting})


def test_fewer_negatives_are_another_loss() -> None:
    few, many = ({**PLAIN, "intent_loss": "similarity", "negatives": count} for count in (2, 5))
    assert training_loss(**few) != training_loss(**many)


def test_no_setting_of_the_network_goes_untested() -> None:
    elsewhere = {"members", "value_dropout", "multi_label", "out_of_scope"}  # of the training: tests/training
    assert {name for setting in EFFECTS for name in setting} | elsewhere == {f.name for f in fields(ModelConfig)}
