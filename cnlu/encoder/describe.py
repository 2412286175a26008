"""Describes an encoder directory from its files, without loading the model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnlu.encoder.config_json import read_hf_config
from cnlu.encoder.files import weight_files
from cnlu.encoder.safetensors_header import read_header
from cnlu.errors import CnluError, DataError
from cnlu.i18n import _

_MASKED_LM_HEAD = re.compile(
    r"(^|\.)(cls\.predictions|lm_head|generator_lm_head|generator_predictions|lm_predictions|mask_predictions|"
    r"predictions|vocab_transform|vocab_projector)\."
)
"""Names of weights of the heads that predict masked tokens, in all families."""
_LICENCE = re.compile(r"^license:[ \t]*\n?[ \t]*-?[ \t]*[\"']?([\w.+-]+)", re.MULTILINE)
_LARGEST_CARD = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Description:
    """An encoder's properties; None where they are not known."""

    directory: str
    family: str
    layers: int | None
    width: int | None
    vocabulary: int | None
    parameters: int | None
    """All weights of the files, heads included"""
    bytes_on_disk: int
    licence: str | None
    has_masked_lm_head: bool | None
    weights: str
    """The first file of the weights, or "" if they are not complete"""
    weights_problem: str | None
    tokenizer: str | None
    """Its kind, such as WordPiece, if it can be used"""
    tokenizer_tokens: int | None
    tokenizer_problem: str | None


def describe(directory: Path, brief: bool = False) -> Description:
    """The properties of an encoder directory; a brief description opens neither pickles nor the tokenizer.

    Damaged weights or a damaged tokenizer are described as such. Raises DataError without a readable config.json.
    """
    config = read_hf_config(directory)
    sizes, weights_problem = _weights(directory, brief)
    content, tokenizer_problem = (None, None) if brief else _tokenizer(directory)
    files = [path for path in directory.rglob("*") if path.is_file()]
    return Description(
        directory=str(directory),
        family=str(config["model_type"]),
        layers=_number(config, "num_hidden_layers", "n_layers", "n_layer"),
        width=_number(config, "hidden_size", "dim", "d_model"),
        vocabulary=_number(config, "vocab_size"),
        parameters=None if sizes is None else sum(sizes.values()),
        bytes_on_disk=sum(path.stat().st_size for path in files),
        licence=licence_of(directory, config),
        has_masked_lm_head=None if sizes is None else any(_MASKED_LM_HEAD.search(name) for name in sizes),
        weights=_first_weights(directory),
        weights_problem=weights_problem,
        tokenizer=None if content is None else _kind(content),
        tokenizer_tokens=None if content is None else len(content["model"]["vocab"]),
        tokenizer_problem=tokenizer_problem,
    )


def licence_of(directory: Path, config: dict[str, Any]) -> str | None:
    """The licence that the model card or the config states."""
    try:
        with (directory / "README.md").open(encoding="utf-8", errors="replace") as stream:
            card = stream.read(_LARGEST_CARD)
    except OSError:
        card = ""
    header = card.removeprefix("---").partition("\n---")[0] if card.startswith("---") else ""
    stated = _LICENCE.search(header)
    if stated:
        return stated[1]
    return str(config["license"]) if config.get("license") else None


def _number(config: dict[str, Any], *names: str) -> int | None:
    return next((config[name] for name in names if isinstance(config.get(name), int)), None)


def _first_weights(directory: Path) -> str:
    try:
        return next((path.name for path in weight_files(directory)), "")
    except DataError:
        return ""


def _weights(directory: Path, brief: bool) -> tuple[dict[str, int] | None, str | None]:
    """(the number of elements of each tensor of floats, the problem with the weights); either is None."""
    try:
        files = weight_files(directory)
        if not files:
            return None, _("has no complete weights (model.safetensors or pytorch_model.bin, with all their parts)")
        if files[0].suffix == ".safetensors":
            headers = [read_header(file) for file in files]
            return {
                name: tensor.size
                for header in headers
                for name, tensor in header.items()
                if tensor.dtype.startswith(("F", "BF"))
            }, None
        if brief:
            return None, None
        from cnlu.encoder.weights import read_weights

        tensors = read_weights(directory)
        return {name: tensor.numel() for name, tensor in tensors.items() if tensor.is_floating_point()}, None
    except CnluError as error:
        return None, error.problem
    except ImportError:
        return None, _("only PyTorch reads pickled weights; install cnlu[train]")


def _tokenizer(directory: Path) -> tuple[dict[str, Any] | None, str | None]:
    """(the content of the tokenizer, the problem with it); either is None."""
    try:
        from cnlu.encoder.tokenizer import read_tokenizer

        return read_tokenizer(directory)[0], None
    except CnluError as error:
        return None, error.problem
    except ImportError as error:
        extra = "encoder" if error.name == "tokenizers" else "train"
        return None, _("not checked; install cnlu[{extra}]", extra=extra)


def _kind(content: dict[str, Any]) -> str:
    from cnlu.encoder.tokenizer import kind_of

    return kind_of(content["model"])
