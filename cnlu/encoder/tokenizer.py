"""Reads the tokenizer of an encoder directory as the content of a tokenizer.json, and its special tokens."""

from __future__ import annotations

import json
import string
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from cnlu.encoder.files import TOKENIZER_FILES
from cnlu.errors import DataError, one_line
from cnlu.i18n import _
from cnlu.text.chars import is_han
from cnlu.text.tokens import SpecialTokens

Content = dict[str, Any]


def _copy_files() -> str:
    return _("copy all files of its tokenizer into it, best of all a tokenizer.json")


def read_tokenizer(directory: Path) -> tuple[Content, list[str]]:
    """The content of the tokenizer.json, with flags that agree with its vocabulary, and notes for the user.

    It is built from other files if there is no tokenizer.json. Raises DataError if the directory has no tokenizer, or
    none that the tokenizers library can run.
    """
    content = _content(directory)
    try:
        Tokenizer.from_str(json.dumps(content))
        vocabulary = content["model"]["vocab"]
    except Exception as error:  # the library raises bare exceptions
        damaged = _("its tokenizer.json is damaged ({reason})", reason=one_line(error))
        raise DataError(directory, damaged, _("fetch it again")) from error
    special_tokens = {token["content"] for token in content.get("added_tokens") or () if token["special"]}
    if not {piece[0] if isinstance(piece, list) else piece for piece in vocabulary} - special_tokens:
        # transformers builds a tokenizer even without a vocabulary
        raise DataError(directory, _("its tokenizer has no vocabulary"), _copy_files())
    return content, _align_normalizer(content, str(directory))


def _content(directory: Path) -> Content:
    path = directory / "tokenizer.json"
    if path.exists():
        try:
            content = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise DataError(path, _("is not JSON"), _("fetch it again")) from error
        if not isinstance(content, dict):
            raise DataError(path, _("is not a tokenizer"), _("fetch it again"))
        return content
    words = directory / "vocab.txt"
    if words.exists():
        try:
            pieces = words.read_text("utf-8").split("\n")
        except ValueError as error:
            raise DataError(words, _("is not UTF-8"), _("fetch it again")) from error
        if "[UNK]" in pieces:
            return _word_pieces([piece.rstrip("\r") for piece in pieces], tokenizer_settings(directory))
    if not any((directory / name).exists() for name in TOKENIZER_FILES):
        missing = _("has no tokenizer (tokenizer.json or vocab.txt or a SentencePiece model)")
        raise DataError(directory, missing, _copy_files())
    return _converted(directory)


def _word_pieces(pieces: list[str], settings: dict[str, Any]) -> Content:
    """A BERT tokenizer of the lines of a vocab.txt."""
    vocabulary = {piece: i for i, piece in enumerate(pieces) if piece}
    special_tokens = [
        {
            "id": vocabulary[name],
            "content": name,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for name in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
        if name in vocabulary
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special_tokens,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": settings.get("strip_accents"),
            "lowercase": bool(settings.get("do_lower_case", True)),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    }


def _converted(directory: Path) -> Content:
    """The tokenizer converted from other files by transformers, which is imported here because it takes seconds."""
    from transformers import AutoTokenizer

    from cnlu.encoder.transformers_logging import silent_transformers

    if any(directory.glob("*.model")) and find_spec("sentencepiece") is None:
        raise DataError(
            directory,
            _("its tokenizer is a SentencePiece model, which only the sentencepiece library reads"),
            _("install it with: {command}", command="pip install sentencepiece protobuf"),
        )
    try:
        with silent_transformers():
            tokenizer = AutoTokenizer.from_pretrained(directory, trust_remote_code=False, local_files_only=True)
            content: Content = json.loads(tokenizer.backend_tokenizer.to_str())
    except Exception as error:  # the exceptions depend on the kind of tokenizer
        raise DataError(
            directory,
            _("its tokenizer has no fast form and cannot be converted to one ({reason})", reason=one_line(error)),
            _("save one as tokenizer.json beside the weights"),
        ) from error
    return content


def tokenizer_settings(directory: Path) -> dict[str, Any]:
    """The content of tokenizer_config.json and special_tokens_map.json; missing or damaged files count as empty."""
    merged: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        try:
            settings = json.loads((directory / name).read_text("utf-8"))
        except (OSError, ValueError):
            continue
        merged |= settings if isinstance(settings, dict) else {}
    return merged


def _align_normalizer(content: Content, where: str) -> list[str]:
    """Set the normalizer of a WordPiece tokenizer to agree with its vocabulary; returns a note for each change."""
    model = content["model"]
    if kind_of(model) != "WordPiece":
        return []
    vocabulary, notes = model["vocab"], []
    steps = _bert_steps(content.get("normalizer"))
    lower_letters = [ch for ch in string.ascii_lowercase if ch in vocabulary or f"##{ch}" in vocabulary]
    letters_with_capital = [ch for ch in lower_letters if ch.upper() in vocabulary or f"##{ch.upper()}" in vocabulary]
    for step in steps if lower_letters else ():
        lowercase = 2 * len(letters_with_capital) < len(lower_letters)
        if step["lowercase"] != lowercase:
            step["lowercase"] = lowercase
            reason = (
                "no capital letters, so texts are lower-cased" if lowercase else "capital letters, so texts keep theirs"
            )
            notes.append(f"{where}: its vocabulary has {reason}, whatever its flag says")
    words = sum(len(piece) > 1 and all(map(is_han, piece)) for piece in vocabulary)
    has_han = words > 0 or any(len(piece) == 1 and is_han(piece) for piece in vocabulary)
    were_split = [step["handle_chinese_chars"] for step in steps]
    for step in steps:
        step["handle_chinese_chars"] = step["handle_chinese_chars"] or has_han
    if words:
        notes.append(f"{where}: Chinese characters are read one by one, not as the {words} words of its vocabulary")
    elif has_han and not all(were_split):
        notes.append(f"{where}: Chinese characters are read one by one, whatever its flag says")
    return notes


def _bert_steps(normalizer: dict[str, Any] | None) -> list[dict[str, Any]]:
    if not normalizer:
        return []
    if normalizer.get("type") == "Sequence":
        return [step for inner in normalizer["normalizers"] for step in _bert_steps(inner)]
    return [normalizer] if normalizer.get("type") == "BertNormalizer" else []


def kind_of(model: dict[str, Any]) -> str:
    """WordPiece, Unigram, BPE or WordLevel, inferred for old files, which do not say."""
    if model.get("type"):
        return str(model["type"])
    if isinstance(model["vocab"], list):
        return "Unigram"
    if "merges" in model:
        return "BPE"
    return "WordPiece" if "continuing_subword_prefix" in model else "WordLevel"


def special_tokens_of(
    content: Content, settings: dict[str, Any], pad: int | None, limit: int, where: str
) -> SpecialTokens:
    """The special tokens that the tokenizer puts around a text.

    `settings` are the tokenizer's; `pad` (padding id) and `limit` (most tokens of a text) are the model's. Raises
    DataError if the tokenizer adds no special tokens.
    """
    tokenizer = Tokenizer.from_str(json.dumps({**content, "truncation": None, "padding": None}))
    plain = tokenizer.encode("中", add_special_tokens=False).ids
    ids = tokenizer.encode("中", add_special_tokens=True).ids
    start = next((i for i in range(len(ids)) if ids[i : i + len(plain)] == plain), 0) if plain else 0
    before, after = ids[:start], ids[start + len(plain) :]
    if not before and not after:
        before = _named(tokenizer, settings, "cls_token", "[CLS]", "<s>")[:1]
        after = _named(tokenizer, settings, "sep_token", "[SEP]", "</s>")[:1]
    if not before and not after:
        raise DataError(
            where,
            _("its tokenizer adds no special token such as [CLS] to a text"),
            _("add a post_processor to tokenizer.json"),
        )
    padding = _named(tokenizer, settings, "pad_token", "[PAD]", "<pad>")
    padding_id = padding[0] if padding else (pad or 0)
    return SpecialTokens(
        before=before,
        after=after,
        summary=0 if before else -1,
        pad=padding_id,
        unknown=_unknown(content["model"]),
        limit=limit,
    )


def _named(tokenizer: Any, settings: dict[str, Any], key: str, *usual: str) -> list[int]:
    """Ids of the special token `key`, by the name in the settings or else by the usual names."""
    name = settings.get(key)
    name = name.get("content") if isinstance(name, dict) else name
    ids = [tokenizer.token_to_id(token) for token in ((name,) if isinstance(name, str) else usual)]
    return [i for i in ids if i is not None]


def _unknown(model: dict[str, Any]) -> int | None:
    vocabulary, kind = model["vocab"], kind_of(model)
    if kind == "Unigram":
        return None if model.get("byte_fallback") else model.get("unk_id")
    unknown: int | None = vocabulary.get(model.get("unk_token"))
    return unknown


def largest_id(content: Content, special_tokens: SpecialTokens) -> int:
    """The largest id that tokenizing a text can give."""
    vocabulary = content["model"]["vocab"]
    special = {token["id"] for token in content.get("added_tokens") or () if token["special"]}
    ids = set(range(len(vocabulary)) if isinstance(vocabulary, list) else vocabulary.values())
    ids |= {token["id"] for token in content.get("added_tokens") or ()}
    return max(
        (ids - special)
        | {*special_tokens.before, *special_tokens.after, special_tokens.pad, special_tokens.unknown or 0}
    )
