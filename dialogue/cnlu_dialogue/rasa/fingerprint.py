"""What a model depends on besides config.yml and the examples, as one line that Rasa's cache compares."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import cnlu
from cnlu.bundled import BUNDLED, bundled_directory, choose_encoder
from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu.runtime.model_dir import FORMAT, read_model_dir
from cnlu_dialogue.rasa.options import Settings, settings_file


def fingerprint(settings: Settings) -> str:
    """Changes with cnlu's version and the content of the settings file, the encoder's files and the trained model.

    For an encoder from the hub, only its name counts. Raises CnluError for files that cannot be read.
    """
    parts: dict[str, object] = {"cnlu": cnlu.__version__, "format": FORMAT}
    try:
        if settings.model is not None:
            parts["model"] = read_model_dir(settings.model).manifest["sha256"]
        if (file := settings_file(settings)) is not None:
            parts["config"] = hashlib.sha256(file.read_bytes()).hexdigest()
        if (encoder := _encoder_directory(settings)) is not None:
            parts["encoder"] = {path.name: _digest(path) for path in sorted(encoder.iterdir()) if path.is_file()}
    except OSError as error:
        problem = _("cannot be read ({reason})", reason=error.strerror)
        raise UsageError(error.filename, problem, _("check its permissions")) from None
    return json.dumps(parts, sort_keys=True)


def _encoder_directory(settings: Settings) -> Path | None:
    """The directory of the encoder that training starts from, if it is on this machine."""
    name = choose_encoder(settings.encoder)
    if settings.model is not None or name is None:
        return None
    if name == BUNDLED:
        return bundled_directory()
    return Path(name) if os.path.isdir(name) else None


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
