"""Tiny random encoders of every family, as save_pretrained writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import cli

__all__ = ["cli"]

SENTENCES = [
    "从北京到上海的火车票多少钱",
    "帮我订一张明天去 new york 的机票 ok",
    "我想听周杰伦的歌 abc123 g12",
    "明天天气怎么样？hello, world!",
    "航班号ca1234几点到",
    "退票",
    "播放一首歌",
]
_BERT: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "type_vocab_size": 2,
    "initializer_range": 0.2,
}
_AFTER_PADDING = {**_BERT, "max_position_embeddings": 66, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
_DEBERTA = {**_BERT, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 8}
FAMILIES: dict[str, dict[str, Any]] = {
    "bert": _BERT,
    "roberta": _AFTER_PADDING,
    "xlm-roberta": _AFTER_PADDING,
    "electra": {**_BERT, "embedding_size": 16},
    "albert": {**_BERT, "embedding_size": 16},
    "ernie": {**_BERT, "use_task_id": True, "task_type_vocab_size": 3},
    "distilbert": {
        "dim": 32,
        "n_layers": 2,
        "n_heads": 4,
        "hidden_dim": 64,
        "max_position_embeddings": 64,
        "initializer_range": 0.2,
    },
    "roformer": {**_BERT, "embedding_size": 16, "max_position_embeddings": 1536},
    "xlnet": {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64, "initializer_range": 0.2},
    "nezha": {**_BERT, "max_relative_position": 4, "use_relative_position": True},
    "mobilebert": {
        **_BERT,
        "embedding_size": 16,
        "intra_bottleneck_size": 16,
        "true_hidden_size": 16,
        "intermediate_size": 32,
    },
    "deberta-v2": _DEBERTA,
}
"""Each family's config.json without the size of the vocabulary. MacBERT and similar models are of the family `bert`."""

SKIP = "an encoder is loaded with the extra cnlu[train]"


def word_pieces() -> Any:
    tk = pytest.importorskip("tokenizers", reason=SKIP)
    tokenizer = tk.Tokenizer(tk.models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = tk.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = tk.pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = tk.trainers.WordPieceTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = tk.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def byte_pairs() -> Any:
    tk = pytest.importorskip("tokenizers", reason=SKIP)
    tokenizer = tk.Tokenizer(tk.models.BPE())
    tokenizer.pre_tokenizer = tk.pre_tokenizers.ByteLevel(add_prefix_space=False)
    special, letters = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"], tk.pre_tokenizers.ByteLevel.alphabet()
    trainer = tk.trainers.BpeTrainer(
        vocab_size=300, special_tokens=special, initial_alphabet=letters, show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = tk.processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, False)
    return tokenizer


def pieces_with_blanks(special: list[str], special_tokens: str) -> Any:
    tk = pytest.importorskip("tokenizers", reason=SKIP)
    tokenizer = tk.Tokenizer(tk.models.Unigram())
    tokenizer.normalizer = tk.normalizers.NFKC()
    tokenizer.pre_tokenizer = tk.pre_tokenizers.Metaspace()
    trainer = tk.trainers.UnigramTrainer(vocab_size=120, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    named = [(name, special.index(name)) for name in special_tokens.split() if name != "$A"]
    tokenizer.post_processor = tk.processors.TemplateProcessing(single=special_tokens, special_tokens=named)
    return tokenizer


def tokenizer_for(family: str) -> Any:
    if family == "roberta":
        return byte_pairs()
    if family == "xlm-roberta":
        return pieces_with_blanks(["<s>", "<pad>", "</s>", "<unk>", "<mask>"], "<s> $A </s>")
    if family == "xlnet":
        return pieces_with_blanks(["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>"], "$A <sep> <cls>")
    return word_pieces()


def write_model(folder: Path, settings: dict[str, Any]) -> None:
    """Write config.json and model.safetensors of a random model, with transformers if it knows the family."""
    torch = pytest.importorskip("torch", reason=SKIP)
    transformers = pytest.importorskip("transformers", reason=SKIP)
    torch.manual_seed(0)
    if settings["model_type"] != "nezha":
        config = transformers.AutoConfig.for_model(**settings)
        transformers.AutoModel.from_config(config).save_pretrained(folder)
        return
    from safetensors.torch import save_file

    from cnlu.encoder.nezha import NezhaConfig, NezhaModel

    weights = NezhaModel(NezhaConfig.from_dict(settings)).state_dict()
    save_file({f"bert.{name}": value.contiguous() for name, value in weights.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(settings), "utf-8")


Write = Callable[..., Path]


@pytest.fixture
def write_encoder(tmp_path: Path) -> Write:
    """`write_encoder(family, tokenizer, **settings)`: a new directory of a tiny encoder, which a test may change."""

    def write(family: str, tokenizer: Any = None, **settings: Any) -> Path:
        return _write(tmp_path / "encoder", family, tokenizer, **settings)

    return write


def _write(folder: Path, family: str, tokenizer: Any = None, **settings: Any) -> Path:
    tokenizer = tokenizer or tokenizer_for(family)
    folder.mkdir(parents=True)
    size = {"vocab_size": tokenizer.get_vocab_size()}
    write_model(folder, {"model_type": family, **size, **FAMILIES[family], **settings})
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`tiny_encoder(family)`: the shared directory of an encoder of one of FAMILIES; tests must not change it."""
    made: dict[str, Path] = {}

    def make(family: str) -> Path:
        if family not in made:
            made[family] = _write(tmp_path_factory.mktemp("encoder") / family, family)
        return made[family]

    return make


@pytest.fixture(scope="session", params=list(FAMILIES))
def family(request: pytest.FixtureRequest) -> str:
    """Each family in turn."""
    return str(request.param)
