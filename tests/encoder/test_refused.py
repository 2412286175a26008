"""Incomplete, foreign and malicious encoders are refused with one message that names a fix; their code never runs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch", reason="an encoder is loaded with the extra cnlu[train]")
pytest.importorskip("transformers", reason="an encoder is loaded with the extra cnlu[train]")

import torch
from safetensors.torch import load_file, save_file

from cnlu.encoder.load import load_encoder
from cnlu.encoder.validate import validate_encoder
from cnlu.errors import DataError

Write = Callable[..., Path]
Spoil = Callable[[Path], Any]


def refusal(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_encoder(folder)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.startswith(str(folder))
    assert sentence.endswith(".")
    return sentence


def settings(**changes: Any) -> Spoil:
    """Change settings of config.json; None removes one."""

    def spoil(folder: Path) -> None:
        path = folder / "config.json"
        found = {**json.loads(path.read_text("utf-8")), **changes}
        path.write_text(json.dumps({key: value for key, value in found.items() if value is not None}), "utf-8")

    return spoil


def content(name: str, text: str | bytes) -> Spoil:
    return lambda folder: (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)


def without(*names: str) -> Spoil:
    return lambda folder: [(folder / name).unlink() for name in names]


def weights(change: Callable[[dict[str, torch.Tensor]], Any]) -> Spoil:
    def spoil(folder: Path) -> None:
        found = load_file(folder / "model.safetensors")
        change(found)
        save_file(found, folder / "model.safetensors")

    return spoil


def pickled(value: Any) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        torch.save(value, folder / "pytorch_model.bin")

    return spoil


def halved(name: str) -> Spoil:
    return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size // 2)


def both(*steps: Spoil) -> Spoil:
    return lambda folder: [step(folder) for step in steps]


LAYER = "encoder.layer.1.output.dense.weight"
INDEX = json.dumps({"weight_map": {"a": "model-1.safetensors"}})
OUTSIDE = json.dumps({"weight_map": {"a": "../model.safetensors"}})
CASES: dict[str, tuple[Spoil, str]] = {
    "no config": (without("config.json"), "has no config.json, so it is not an encoder"),
    "config is not JSON": (content("config.json", "{"), "is not JSON"),
    "config is a list": (content("config.json", "[]"), "does not hold a model's config"),
    "no family": (settings(model_type=None), 'has no model_type; .* "model_type": "bert"'),
    "unknown family": (settings(model_type="bort2"), "has no model family 'bort2'"),
    "family is no name": (settings(model_type=["bert"]), "has no model family"),
    "its own code": (settings(model_type="mine", auto_map={"AutoModel": "mine.Model"}), "code .* which is never run"),
    "sequence to sequence": (settings(model_type="t5"), "t5 is an encoder-decoder"),
    "writes": (settings(model_type="gpt2"), "gpt2 is a decoder here"),
    "a BERT that writes": (settings(is_decoder=True), "bert is a decoder here"),
    "pictures": (settings(model_type="vit"), "vit is not a text encoder"),
    "quantised": (settings(quantization_config={"quant_method": "gptq"}), "its weights are quantized"),
    "a wrong setting": (settings(hidden_size="wide"), "its config.json is not a config of bert"),
    "an impossible setting": (settings(num_attention_heads=5), "no encoder can be built"),
    "no tokenizer": (without("tokenizer.json"), "has no tokenizer"),
    "tokenizer is not JSON": (content("tokenizer.json", "{"), "is not JSON"),
    "tokenizer is a list": (content("tokenizer.json", "[]"), "is not a tokenizer"),
    "tokenizer of nothing": (content("tokenizer.json", "{}"), "its tokenizer.json is damaged"),
    "half a tokenizer": (both(without("tokenizer.json"), content("merges.txt", "a b")), "tokenizer has no vocabulary"),
    "SentencePiece": (
        both(without("tokenizer.json"), content("spiece.model", "?")),
        "pip install sentencepiece" if find_spec("sentencepiece") is None else "its tokenizer has no",
    ),
    "slow tokenizer": (
        both(
            without("tokenizer.json"),
            content("vocab.txt", "a\n"),
            content("tokenizer_config.json", '{"tokenizer_class": "BertJapaneseTokenizer"}'),
        ),
        "its tokenizer has no fast form",
    ),
    "no weights": (without("model.safetensors"), "has no complete weights"),
    "a lost part": (
        both(without("model.safetensors"), content("model.safetensors.index.json", INDEX)),
        "has no complete weights",
    ),
    "parts outside": (
        both(without("model.safetensors"), content("model.safetensors.index.json", OUTSIDE)),
        "outside its directory",
    ),
    "a broken index": (
        both(without("model.safetensors"), content("model.safetensors.index.json", "[1]")),
        "not an index of weight files",
    ),
    "half a file": (halved("model.safetensors"), "is damaged or not a safetensors file"),
    "an empty file": (content("model.safetensors", ""), "is damaged or not a safetensors file"),
    "a pointer": (content("model.safetensors", "version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
    "half a pickle": (
        both(pickled({"a": torch.zeros(999)}), halved("pytorch_model.bin")),
        "cannot be read as plain weights",
    ),
    "a pickled list": (pickled([1, 2]), "something other than weights"),
    "a missing weight": (weights(lambda w: w.pop(LAYER)), f"this bert lacks 1 of its weights: {LAYER}"),
    "another family's weights": (settings(model_type="distilbert"), "this distilbert lacks 32 of its weights"),
    "a weight of another shape": (
        settings(intermediate_size=48),
        r"shape of 6 of its weights, such as encoder.layer.0.intermediate.dense.bias: \[48\], not \[64\]",
    ),
    "fewer layers than said": (settings(num_hidden_layers=3), "this bert lacks 16 of its weights: encoder.layer.2"),
    "weights that are no numbers": (weights(lambda w: w[LAYER].fill_(float("nan"))), "its vectors are not finite"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_directory_is_an_error_message(write_encoder: Write, case: str) -> None:
    spoil, message = CASES[case]
    folder = write_encoder("bert")
    spoil(folder)
    assert re.search(message, refusal(folder)), refusal(folder)


class Evil:
    """Runs when unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_a_pickle_with_code_in_it_is_refused_and_the_code_never_runs(write_encoder: Write, tmp_path: Path) -> None:
    folder = write_encoder("bert")
    pickled({"a": torch.zeros(1), "b": Evil(tmp_path / "ran")})(folder)
    assert "a pickle with code in it, which is never run" in refusal(folder)
    assert not (tmp_path / "ran").exists()


def test_code_beside_the_weights_never_runs(write_encoder: Write, tmp_path: Path) -> None:
    """The code does not run even if transformers knows the family."""
    folder = write_encoder("bert")
    code = f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n"
    (folder / "mine.py").write_text(code, "utf-8")
    auto = {"AutoModel": "mine.Model", "AutoConfig": "mine.Config", "AutoTokenizer": ["mine.T", "mine.T"]}
    settings(auto_map=auto)(folder)
    (folder / "tokenizer_config.json").write_text(json.dumps({"auto_map": auto}), "utf-8")
    assert load_encoder(folder).notes == []
    assert not (tmp_path / "ran").exists()


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(write_encoder: Write) -> None:
    message = refusal(write_encoder("bert", vocab_size=50))
    assert "its tokenizer gives ids up to" in message and "vectors for only 50" in message


def test_a_tokenizer_that_adds_no_special_tokens_is_refused(write_encoder: Write) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder = write_encoder("bert")
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    assert "adds no special token such as [CLS] to a text" in refusal(folder)


def test_an_encoder_that_has_no_room_for_a_text_is_refused(write_encoder: Write) -> None:
    assert "takes at most 2 tokens, which leaves none for a text" in refusal(
        write_encoder("bert", max_position_embeddings=2)
    )


def test_a_missing_pooler_is_no_loss(write_encoder: Write) -> None:
    folder = write_encoder("bert")
    weights(lambda w: [w.pop(name) for name in list(w) if name.startswith("pooler")])(folder)
    assert load_encoder(folder).notes == []


SMALL = {
    "vocab_size": 103,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 66,
}


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ({"model_type": "fnet", **SMALL}, "padding after a text changes the vectors of fnet"),
        (
            {"model_type": "convbert", **SMALL, "embedding_size": 32},
            "padding after a text changes the vectors of convbert",
        ),
        ({"model_type": "longformer", **SMALL, "attention_window": 8}, "longformer cannot be exported to ONNX"),
        ({"model_type": "ibert", **SMALL, "pad_token_id": 1}, "ibert cannot encode a text of 66 tokens"),
        (
            {
                "model_type": "funnel",
                "vocab_size": 103,
                "d_model": 32,
                "block_sizes": [1, 1],
                "n_head": 4,
                "d_head": 8,
                "d_inner": 64,
                "architectures": ["FunnelModel"],
            },
            "funnel",
        ),
    ],
)
def test_families_whose_vectors_cannot_be_used_are_refused(
    write_encoder: Write, family: dict[str, Any], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    import transformers

    folder = write_encoder("bert")
    transformers.AutoModel.from_config(transformers.AutoConfig.for_model(**family)).save_pretrained(folder)
    capfd.readouterr()
    assert message in refusal(folder)
    assert capfd.readouterr() == ("", "")


def without_attention(found: dict[str, torch.Tensor]) -> None:
    for name, tensor in found.items():
        if "attention.self.value" in name:
            tensor.zero_()


def test_an_encoder_without_attention_to_other_tokens_is_refused(write_encoder: Write) -> None:
    folder = write_encoder("bert")
    weights(without_attention)(folder)
    sentence = refusal(folder)
    assert (
        "bert has no context: each vector depends on its own token alone" in sentence
        and "left to right" not in sentence
    )


class Reach(torch.nn.Module):
    """A backbone whose vectors are sums of the tokens from `before` to `behind` positions away."""

    def __init__(self, before: int, behind: int) -> None:
        super().__init__()
        self.config = SimpleNamespace(model_type="bert")
        self.vocab_size, self.width, self._reach = 20, 4, (before, behind)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        length = ids.shape[1]
        away = torch.arange(length)[None] - torch.arange(length)[:, None]
        near = ((-self._reach[0] <= away) & (away <= self._reach[1])).float()
        state = (near @ (ids * mask).float()[..., None]).expand(-1, -1, self.width)
        return state, state


@pytest.mark.parametrize(
    ("before", "behind", "message"),
    [
        (9, 0, "reads from left to right only"),
        (1, 1, "only the nearest neighbours"),
        (0, 1, "only the nearest"),
        (0, 0, "bert has no context: each vector depends on its own token alone"),
    ],
)
def test_an_encoder_with_limited_context_is_refused(before: int, behind: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        validate_encoder(Reach(before, behind), 5, "here")  # type: ignore[arg-type]
    validate_encoder(Reach(9, 9), 5, "here")  # type: ignore[arg-type]
