"""Encoders load from every published form of directory, with the hidden states of their weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="an encoder is loaded with the extra cnlu[train]")
pytest.importorskip("transformers", reason="an encoder is loaded with the extra cnlu[train]")

import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from cnlu.encoder import validate
from cnlu.encoder.backbone import Backbone
from cnlu.encoder.load import load_encoder
from cnlu.text.tokens import AlignedTokenizer

Tiny = Callable[[str], Path]
Write = Callable[..., Path]
Text = tuple[torch.Tensor, torch.Tensor]
TEXT: Text = (torch.arange(5, 15)[None], torch.ones(1, 10))


def states(backbone: Backbone) -> torch.Tensor:
    with torch.no_grad():
        return torch.stack(backbone(*TEXT))


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")


def rename(folder: Path, to: Callable[[str], str], kind: str = "model.safetensors") -> None:
    """Store the weights under other names, optionally pickled."""
    weights = {to(name): value for name, value in load_file(folder / "model.safetensors").items()}
    (folder / "model.safetensors").unlink()
    if kind.endswith(".bin"):
        torch.save(weights, folder / kind)
    else:
        save_file(weights, folder / kind)


def old_names(name: str) -> str:
    name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    return f"bert.{name}"


@pytest.mark.parametrize("folder", ["bge-small-zh-v1.5", "simbert-tiny"])
def test_real_weights_give_the_hidden_states_that_transformers_gives(shared: Path, folder: str) -> None:
    found = load_encoder(shared / "weights" / folder)
    tokens = AlignedTokenizer(found.tokenizer, found.special_tokens).encode("帮我订一张OK的票")
    assert found.special_tokens.unknown not in tokens.ids
    assert found.special_tokens.limit == 512
    ids = torch.from_numpy(tokens.ids)[None]
    model = transformers.AutoModel.from_pretrained(shared / "weights" / folder).eval()
    with torch.no_grad():
        expected = model(input_ids=ids, output_hidden_states=True).hidden_states
        given = found.backbone(ids, torch.ones(ids.shape))
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(given, expected, strict=True))


def test_a_tokenizer_flag_that_keeps_capitals_is_overridden_with_a_note(shared: Path) -> None:
    found = load_encoder(shared / "weights" / "bge-small-zh-v1.5")
    assert [note.split(": ")[1] for note in found.notes] == [
        "its vocabulary has no capital letters, so texts are lower-cased, whatever its flag says"
    ]
    assert load_encoder(shared / "weights" / "simbert-tiny").notes == []


@pytest.mark.parametrize("family", ["bert", "roberta", "electra", "albert", "distilbert", "xlnet"])
def test_heads_of_other_tasks_are_dropped_silently(family: str, tiny_encoder: Tiny, write_encoder: Write) -> None:
    folder = write_encoder(family)
    expected = states(load_encoder(folder).backbone)
    kind = transformers.XLNetLMHeadModel if family == "xlnet" else transformers.AutoModelForMaskedLM
    whole = kind.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    whole.save_pretrained(folder)
    assert any(
        name.count("transformer.") or name.startswith(family) for name in load_file(folder / "model.safetensors")
    )
    found = load_encoder(folder)
    assert found.notes == []
    assert torch.equal(expected, states(found.backbone))


@pytest.mark.parametrize(
    ("kind", "to"),
    [
        ("pytorch_model.bin", lambda name: name),
        ("pytorch_model.bin", old_names),
        ("model.safetensors", old_names),
        ("model.safetensors", lambda name: f"student.text.{name}"),
    ],
)
def test_pickled_weights_and_old_or_strange_names_load(
    write_encoder: Write, kind: str, to: Callable[[str], str]
) -> None:
    folder = write_encoder("bert")
    expected = states(load_encoder(folder).backbone)
    rename(folder, to, kind)
    found = load_encoder(folder)
    assert found.notes == []
    assert torch.equal(expected, states(found.backbone))


def test_safetensors_are_taken_before_a_pickle_beside_them(write_encoder: Write) -> None:
    folder = write_encoder("bert")
    (folder / "pytorch_model.bin").write_bytes(b"not even a pickle")
    assert load_encoder(folder).notes == []


def test_weights_in_several_files_load(write_encoder: Write) -> None:
    folder = write_encoder("bert")
    expected = states(load_encoder(folder).backbone)
    model = transformers.AutoModel.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="40KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    assert torch.equal(expected, states(load_encoder(folder).backbone))


def test_weights_in_half_precision_become_float32(write_encoder: Write) -> None:
    folder = write_encoder("bert")
    weights = {name: value.half() for name, value in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors")
    edit(folder / "config.json", torch_dtype="float16", dtype="float16")
    assert {p.dtype for p in load_encoder(folder).backbone.parameters()} == {torch.float32}


def test_unknown_weights_are_named_in_a_note(write_encoder: Write) -> None:
    folder = write_encoder("bert")
    weights = load_file(folder / "model.safetensors")
    save_file({**weights, "adapter.down.weight": torch.zeros(2)}, folder / "model.safetensors")
    assert load_encoder(folder).notes == [f"{folder}: unexpected weights are left out: adapter.down.weight"]


def test_transformers_prints_nothing(write_encoder: Write, capfd: pytest.CaptureFixture[str]) -> None:
    folder = write_encoder("electra", use_cache=True)
    capfd.readouterr()
    level = transformers.logging.get_verbosity()
    load_encoder(folder)
    assert capfd.readouterr() == ("", "")
    assert transformers.logging.get_verbosity() == level


def test_an_untested_family_is_exported_once_and_accepted(
    write_encoder: Write, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = write_encoder("bert", num_hidden_layers=1)
    monkeypatch.setattr(validate, "EXPORTABLE_FAMILIES", ())
    capfd.readouterr()
    assert load_encoder(folder).backbone.num_hidden_layers == 1
    assert capfd.readouterr() == ("", "")


def word_pieces(folder: Path, pieces: list[str], lowercase: bool, apart: bool = True) -> None:
    """Replaces the tokenizer of a directory."""
    vocabulary = {piece: i for i, piece in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *pieces])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, handle_chinese_chars=apart)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.mark.parametrize(
    ("pieces", "flag", "read", "note"),
    [
        (["o", "##k", "k"], False, [4, 5], "no capital letters, so texts are lower-cased"),
        (["o", "##k", "k"], True, [4, 5], ""),
        (["o", "##k", "O", "##K", "k", "K"], True, [6, 7], "capital letters, so texts keep theirs"),
        (["o", "##k", "O", "##K", "k", "K"], False, [6, 7], ""),
    ],
)
def test_lower_casing_follows_the_vocabulary(
    write_encoder: Write, pieces: list[str], flag: bool, read: list[int], note: str
) -> None:
    folder = write_encoder("bert", vocab_size=len(pieces) + 4)
    word_pieces(folder, pieces, flag)
    found = load_encoder(folder)
    assert AlignedTokenizer(found.tokenizer, found.special_tokens).encode("OK").ids.tolist() == [2, *read, 3]
    assert [note in line for line in found.notes] == [True] * bool(note)


def test_chinese_characters_are_single_tokens_whatever_words_the_vocabulary_has(write_encoder: Write) -> None:
    folder = write_encoder("roformer", vocab_size=8)
    word_pieces(folder, ["北", "京", "北京", "a"], True, apart=False)
    found = load_encoder(folder)
    assert AlignedTokenizer(found.tokenizer, found.special_tokens).encode("北京").ids.tolist() == [2, 4, 5, 3]
    assert found.notes == [f"{folder}: Chinese characters are read one by one, not as the 1 words of its vocabulary"]


def test_a_vocabulary_without_a_tokenizer_file_suffices(write_encoder: Write) -> None:
    folder = write_encoder("bert")
    expected = load_encoder(folder)
    names = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(sorted(names, key=names.__getitem__)) + "\n", "utf-8")
    found = load_encoder(folder)
    assert found.special_tokens == expected.special_tokens
    one, other = (
        AlignedTokenizer(each.tokenizer, each.special_tokens).encode("去北京 ok☃") for each in (found, expected)
    )
    assert one.ids.tolist() == other.ids.tolist()


def test_tokenizers_in_other_formats_are_converted(write_encoder: Write) -> None:
    folder = write_encoder("roberta")
    expected = load_encoder(folder)
    Tokenizer.from_file(str(folder / "tokenizer.json")).model.save(str(folder))
    (folder / "tokenizer.json").unlink()
    found = load_encoder(folder)
    assert found.special_tokens == expected.special_tokens
    one, other = (
        AlignedTokenizer(each.tokenizer, each.special_tokens).encode("去北京 ok☃") for each in (found, expected)
    )
    assert one.ids.tolist() == other.ids.tolist()


def test_a_tokenizer_with_fewer_tokens_than_the_model_is_a_note(write_encoder: Write) -> None:
    folder = write_encoder("bert", vocab_size=400)
    notes = load_encoder(folder).notes
    assert len(notes) == 1 and notes[0].endswith("its model vectors for 400")


def test_the_tokenizer_may_know_a_lower_limit(write_encoder: Write) -> None:
    folder = write_encoder("bert")
    for stated, limit in ((20, 20), (1000, 64), (1e30, 64), (-1, 64), ("many", 64)):
        (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": stated}), "utf-8")
        assert load_encoder(folder).special_tokens.limit == limit


def test_special_tokens_are_found_without_a_post_processor(write_encoder: Write) -> None:
    folder = write_encoder("bert")
    edit(folder / "tokenizer.json", post_processor=None)
    special_tokens = load_encoder(folder).special_tokens
    assert (special_tokens.before, special_tokens.after, special_tokens.summary) == ([2], [3], 0)


def test_xlnets_summary_is_the_last_token_with_its_own_type(tiny_encoder: Tiny) -> None:
    """<cls> belongs to the third segment, as in its pretraining; padding behind it makes no difference."""
    found = load_encoder(tiny_encoder("xlnet"))
    assert (found.special_tokens.before, found.special_tokens.after, found.special_tokens.summary) == ([], [4, 3], -1)
    ids = torch.tensor([[20, 30, 4, 3]])
    model = transformers.AutoModel.from_pretrained(tiny_encoder("xlnet")).eval()
    types = torch.tensor([[0, 0, 0, 2]])
    with torch.no_grad():
        expected = model(input_ids=ids, token_type_ids=types, output_hidden_states=True).hidden_states
        given = found.backbone(torch.cat([ids, ids * 0], 1), torch.tensor([[1.0] * 4 + [0.0] * 4]))
    assert all(torch.allclose(one[:, :4], other, atol=1e-5) for one, other in zip(given, expected, strict=True))
