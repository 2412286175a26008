"""Read an encoder's config.json, without transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cnlu.errors import DataError
from cnlu.i18n import _

EXPORTABLE_FAMILIES = (
    "albert",
    "bert",
    "deberta",
    "deberta-v2",
    "distilbert",
    "electra",
    "ernie",
    "mobilebert",
    "nezha",
    "roberta",
    "roformer",
    "xlm-roberta",
    "xlnet",
)
"""Families that are known to export; an encoder of another family is exported once when it is loaded."""


def read_hf_config(directory: Path) -> dict[str, Any]:
    """The content of config.json. Raises DataError if it is missing or does not describe a model."""
    path = directory / "config.json"
    if not path.is_file():
        raise DataError(
            directory,
            _("has no config.json, so it is not an encoder"),
            _("name a directory that save_pretrained wrote, with config.json, weights and tokenizer in it"),
        )
    try:
        settings = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise DataError(path, _("is not JSON"), _("fetch it again")) from error
    if not isinstance(settings, dict):
        raise DataError(path, _("does not hold a model's config"), _("fetch it again"))
    if not settings.get("model_type"):
        if not settings.get("use_relative_position"):  # the first release of NEZHA
            raise DataError(
                path,
                _("has no model_type"),
                _("add the family if you know it, such as {example}", example='"model_type": "bert"'),
            )
        settings["model_type"] = "nezha"
    return settings
