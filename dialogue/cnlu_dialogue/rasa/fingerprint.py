"""What a training depends on beside config.yml and the examples, as one line: Rasa's cache compares it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import cnlu
from cnlu.errors import UsageError
from cnlu.runtime.model_dir import FORMAT, read_model_dir
from cnlu_dialogue.rasa.options import Settings, settings_file


def fingerprint(settings: Settings) -> str:
    """Changes with cnlu's version, the settings file's content, the encoder's files and the ready model's content.

    An encoder that is named as on a hub is known by its name alone. Raises CnluError for what cannot be read.
    """
    parts: dict[str, object] = {"cnlu": cnlu.__version__, "format": FORMAT}
    try:
        if settings.model is not None:
            parts["model"] = read_model_dir(settings.model).manifest["sha256"]
        if (file := settings_file(settings)) is not None:
            parts["config"] = hashlib.sha256(file.read_bytes()).hexdigest()
        if settings.encoder is not None and os.path.isdir(settings.encoder):
            parts["encoder"] = {
                path.name: _digest(path) for path in sorted(Path(settings.encoder).iterdir()) if path.is_file()
            }
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be read ({error.strerror}); check its permissions.") from None
    return json.dumps(parts, sort_keys=True)


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            found.update(block)
    return found.hexdigest()
